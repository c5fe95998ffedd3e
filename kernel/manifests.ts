// A file of a resources directory to manifests: which files, which documents, which kinds (contract: resource loading).
// Whatever can't be read costs that document and a warning, nothing else.
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { lastingMarkOf } from '../proto/places.ts';
import { goQuote } from '../proto/quote.ts';
import { systemReason, type Notice } from './fatal.ts';
import { isObject, member, objectAt, ShapeError, textAt, textsAt, type YamlObject } from './shape.ts';
import { splitDocuments, yamlParser, type ParseYaml, type YamlDocument } from './yaml.ts';

/** A document of a kind we know, its common members decoded. */
export interface Manifest {
  readonly kind: string;
  readonly apiVersion: string;
  readonly name: string;
  /** `''` when it has none. */
  readonly namespace: string;
  /** App ids; empty: everyone. */
  readonly scopes: readonly string[];
  /** The whole document. */
  readonly body: YamlObject;
  readonly path: string;
  /** The document's number in its file, from 1. */
  readonly document: number;
}

const KINDS: Readonly<Record<string, readonly string[]>> = {
  Component: ['dapr.io/v1alpha1'],
  HTTPEndpoint: ['dapr.io/v1alpha1'],
  Resiliency: ['dapr.io/v1alpha1'],
  Configuration: ['dapr.io/v1alpha1'],
  MCPServer: ['dapr.io/v1alpha1'],
  WorkflowAccessPolicy: ['dapr.io/v1alpha1'],
  Subscription: ['dapr.io/v1alpha1', 'dapr.io/v2alpha1'],
};
const SCOPE = 'dapr.runtime.loader.disk';
const LARGEST_DOCUMENT = 64 * 1024;
const LARGEST_FILE = 16 * 1024 * 1024;

/** What one file says. */
export interface FileReading {
  readonly manifests: readonly Manifest[];
  /** What could not be used and why, and what is worth a word. */
  readonly notices: readonly Notice[];
  /** Those of the notices that mean: part of it, or all, does not make sense. */
  readonly faults: readonly Notice[];
  /** The file's state when it was read; `''` when there is nothing to tell states apart by. */
  readonly mark: string;
  /** False: it is a directory, or not there any more. */
  readonly isFile: boolean;
}

/**
 * Never throws: what is wrong is a notice.
 * @param knownMark the file is not read when it is still in this state: undefined then.
 */
export async function readManifestFile(path: string, knownMark?: string): Promise<FileReading | undefined> {
  let mark = '';
  const ignored = (notices: readonly Notice[], isFile = true): FileReading => ({ manifests: [], notices, faults: [], mark, isFile });
  const unusable = (reason: string): FileReading => {
    const notices = [warning(`daprd load Component error when opening file ${path}: ${reason}`)];
    return { manifests: [], notices, faults: notices, mark, isFile: true };
  };
  let file: Buffer;
  try {
    const about = await stat(path, { bigint: true }); // follows links: mounted config maps are full of them
    mark = lastingMarkOf(about);
    if (mark === knownMark) return undefined;
    if (about.isDirectory()) return ignored([], false);
    if (!/\.ya?ml$/i.test(path)) return ignored([warning(`A non-YAML Component file ${basename(path)} was detected, it will not be loaded`)]);
    if (!about.isFile()) return unusable('not a regular file');
    if (about.size > LARGEST_FILE) return unusable(`${about.size} bytes are more than the ${LARGEST_FILE} a file may have`);
    file = await readFile(path);
  } catch (cause) {
    return { ...unusable(systemReason(cause)), isFile: (cause as NodeJS.ErrnoException).code !== 'ENOENT' };
  }
  if (file.length === 0) return ignored([]);
  const parse = await yamlParser();
  const manifests: Manifest[] = [];
  const notices: Notice[] = [];
  for (const document of splitDocuments(file)) {
    const read = decode(path, document, parse);
    if (read === undefined) continue;
    if ('level' in read) notices.push(read);
    else manifests.push(read);
  }
  return { manifests, notices, faults: notices.filter(({ level }) => level === 'warn'), mark, isFile: true };
}

/**
 * The paths of what is in a directory, in load order.
 * @throws Error of the system
 */
export async function pathsIn(directory: string): Promise<string[]> {
  const names = await readdir(directory);
  return names.sort((a, b) => (a < b ? -1 : 1)).map((name) => join(directory, name));
}

function warning(text: string): Notice {
  return { level: 'warn', scope: SCOPE, text };
}

/** The warning for a document that is skipped. `where` is a line, or `''`. */
export function unreadable(kind: string, path: string, document: number, where: string, reason: string): Notice {
  const place = `document ${document}${where === '' ? '' : `, ${where}`}`;
  return { level: 'warn', scope: SCOPE, text: `daprd load ${kind} error when parsing manifests yaml resource in ${path}: ${place}: ${reason}` };
}

/** The manifest, why it is skipped, or nothing for a document that is empty. */
function decode(path: string, { number, firstLine, bytes }: YamlDocument, parse: ParseYaml): Manifest | Notice | undefined {
  const skip = (kind: string, where: string, reason: string) => unreadable(kind, path, number, where, reason);
  if (bytes.length > LARGEST_DOCUMENT) return skip('Component', `line ${firstLine}`, `${bytes.length} bytes are more than the ${LARGEST_DOCUMENT} a document may have`);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return skip('Component', `line ${firstLine}`, 'the text is not UTF-8');
  }
  const parsed = parse(text);
  if ('problem' in parsed) {
    const { line, column, reason } = parsed.problem;
    return skip('Component', line === 0 ? `line ${firstLine}` : `line ${firstLine + line - 1}, column ${column}`, reason);
  }
  if (parsed.value === null) return undefined;
  if (!isObject(parsed.value)) return skip('Component', `line ${firstLine}`, 'the document should be an object');
  let kind = 'Component';
  try {
    const body = parsed.value;
    kind = textAt(member(body, 'kind'), 'kind');
    const apiVersion = textAt(member(body, 'apiVersion'), 'apiVersion');
    const versions = Object.hasOwn(KINDS, kind) ? KINDS[kind] : undefined;
    if (versions === undefined) return { level: 'debug', scope: SCOPE, text: `${path}: document ${number} is skipped: its kind is not one of Dapr's` };
    if (!versions.includes(apiVersion)) return skip(kind, `line ${firstLine}`, `apiVersion should be ${versions.join(' or ')}`);
    const metadata = objectAt(member(body, 'metadata'), 'metadata');
    const name = textAt(member(metadata, 'name'), 'metadata.name');
    const fault = nameFault(name);
    if (fault !== undefined) return skip(kind, `line ${firstLine}`, `invalid name ${goQuote(name)} for ${goQuote(kind)}: ${fault}`);
    const namespace = textAt(member(metadata, 'namespace'), 'metadata.namespace');
    return { kind, apiVersion, name, namespace, scopes: textsAt(member(body, 'scopes'), 'scopes'), body, path, document: number };
  } catch (cause) {
    if (cause instanceof ShapeError) return skip(kind, `line ${firstLine}`, cause.message);
    throw cause;
  }
}

/** Names are segments of paths. */
function nameFault(name: string): string | undefined {
  if (name === '') return 'may not be empty';
  if (name === '.' || name === '..') return `may not be '${name}'`;
  const faults = ['/', '%'].filter((character) => name.includes(character)).map((character) => `may not contain '${character}'`);
  return faults.length === 0 ? undefined : faults.join('; ');
}
