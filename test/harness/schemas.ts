// Checks objects against the committed schemas of Kubernetes and of the Compose specification (test/schemas).
import { readFileSync } from 'node:fs';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';

interface KubernetesSchemas {
  readonly kinds: Readonly<Record<string, string>>;
  readonly definitions: Readonly<Record<string, object>>;
}

/** Formats say what an integer is kept in, and nothing that could be checked; unions and `required` beside `oneOf` are as their authors want them. */
const OPTIONS = { allErrors: true, strict: true, strictTypes: false, strictRequired: false, validateFormats: false } as const;

const read = (name: string): unknown => JSON.parse(readFileSync(new URL(`../schemas/${name}.json`, import.meta.url), 'utf8'));

const kubernetes = read('kubernetes') as KubernetesSchemas;
const ajv = new Ajv2020(OPTIONS);
ajv.addSchema({ $id: 'kubernetes', definitions: kubernetes.definitions });
const compose = ajv.compile(read('compose') as object);

/** What an API server would refuse in this object, with the places; empty: nothing. */
export function kubernetesProblems(object: unknown): string[] {
  const { apiVersion, kind } = (object ?? {}) as { apiVersion?: unknown; kind?: unknown };
  const name = kubernetes.kinds[`${String(apiVersion)} ${String(kind)}`];
  if (name === undefined) return [`no schema for ${String(apiVersion)} ${String(kind)}: if it is right, name it in test/schemas/generate.ts and run that`];
  return problems(ajv.getSchema(`kubernetes#/definitions/${name}`) as ValidateFunction, object);
}

/** What the specification refuses in a compose file. */
export function composeProblems(file: unknown): string[] {
  return problems(compose, file);
}

function problems(validate: ValidateFunction, value: unknown): string[] {
  if (validate(value)) return [];
  return (validate.errors ?? []).map(({ instancePath, message, params }) => `${instancePath}: ${message ?? 'is wrong'} ${JSON.stringify(params)}`);
}
