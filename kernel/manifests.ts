// Files of the resources directories to manifests: which files, which documents, which kinds (contract: resource loading).
// Whatever can't be read costs that document and a warning, nothing else; only a directory that isn't there is fatal.
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { goQuote } from '../proto/quote.ts';
import { FatalError, systemReason, type Notice } from './fatal.ts';
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

export interface Manifests {
  readonly manifests: readonly Manifest[];
  readonly notices: readonly Notice[];
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

/**
 * Reads all directories, in order; files by name.
 * @throws FatalError when a directory can't be read.
 */
export async function readManifests(paths: readonly string[], flag: string): Promise<Manifests> {
  const manifests: Manifest[] = [];
  const notices: Notice[] = [];
  for (const path of paths) {
    const names = await readdir(path).catch((cause: unknown) => {
      throw new FatalError(`failed to load components: the directory of --${flag}=${path} can't be read: ${systemReason(cause)}`, notices);
    });
    for (const name of names.sort((a, b) => (a < b ? -1 : 1))) await readOne(path, name, manifests, notices);
  }
  return { manifests, notices };
}

async function readOne(directory: string, name: string, manifests: Manifest[], notices: Notice[]): Promise<void> {
  const path = join(directory, name);
  const warn = (text: string) => notices.push({ level: 'warn', scope: SCOPE, text });
  let file: Buffer;
  try {
    const about = await stat(path); // follows links: mounted config maps are full of them
    if (about.isDirectory()) return;
    if (!/\.ya?ml$/i.test(name)) {
      warn(`A non-YAML Component file ${name} was detected, it will not be loaded`);
      return;
    }
    if (!about.isFile()) return void warn(`daprd load Component error when opening file ${path}: not a regular file`);
    if (about.size > LARGEST_FILE) return void warn(`daprd load Component error when opening file ${path}: ${about.size} bytes are more than the ${LARGEST_FILE} a file may have`);
    file = await readFile(path);
  } catch (cause) {
    warn(`daprd load Component error when opening file ${path}: ${systemReason(cause)}`);
    return;
  }
  if (file.length === 0) return;
  const parse = await yamlParser();
  for (const document of splitDocuments(file)) {
    const read = decode(path, document, parse);
    if (read === undefined) continue;
    if ('level' in read) notices.push(read);
    else manifests.push(read);
  }
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
