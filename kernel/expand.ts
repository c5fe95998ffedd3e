// Go's os.ExpandEnv: `$NAME` and `${NAME}` in a text replaced by environment variables, unset ones by nothing.
import { variable, type Environment } from './environment.ts';

/** `$` with a name in braces, with one of the shell's special characters, or with a name; or braces that never close. */
const REFERENCE = /\$(?:\{([^}]*)\}|([*#$@!?\-0-9])|([A-Za-z_][A-Za-z0-9_]*)|(\{))/g;

export function expandEnvironment(text: string, env: Environment): string {
  return text.replace(REFERENCE, (_, braced?: string, special?: string, plain?: string) => variable(env, braced ?? special ?? plain ?? ''));
}
