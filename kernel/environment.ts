// The environment as a value: whoever needs variables is given them, so that tests and the kernel decide which there are.

/** Variables by name, as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** `''` when it is not set. Names may come from files, hence own members only. */
export function variable(env: Environment, name: string): string {
  return (Object.hasOwn(env, name) ? env[name] : undefined) ?? '';
}

const TRUTHY: ReadonlySet<string> = new Set(['1', 't', 'true', 'y', 'yes', 'on']);

/** What Dapr takes for yes in variables and metadata. */
export function isTruthy(text: string): boolean {
  return TRUTHY.has(text.trim().toLowerCase());
}
