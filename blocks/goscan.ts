// A scanner of JSON that says what Go's encoding/json would say. It runs only where JSON.parse has given up: to find the
// end of the first value, or the words for what is wrong.

/** Nesting beyond this is an error in Go, too. */
export const MAX_DEPTH = 10_000;

/** What Go says about bytes that are not JSON. */
export class GoSyntaxError extends Error {
  override readonly name = 'GoSyntaxError';
  /** The text ended within a value: more bytes might have mended it. Go's stream decoder then has a text of its own. */
  readonly truncated: boolean;
  constructor(message: string, truncated: boolean) {
    super(message);
    this.truncated = truncated;
  }
}

const QUOTE = 0x22, PLUS = 0x2b, COMMA = 0x2c, MINUS = 0x2d, DOT = 0x2e, ZERO = 0x30, NINE = 0x39, COLON = 0x3a;
const LEFT_BRACKET = 0x5b, BACKSLASH = 0x5c, RIGHT_BRACKET = 0x5d, LEFT_BRACE = 0x7b, RIGHT_BRACE = 0x7d;
const LITERALS: Readonly<Record<string, string>> = { t: 'true', f: 'false', n: 'null' };

/**
 * The offset behind the first value of `bytes`; what follows is not looked at.
 * @throws GoSyntaxError
 */
export function scanValue(bytes: Uint8Array): number {
  return new Scanner(bytes).value();
}

/** The first offset at or after `at` that holds no white space. */
export function skipSpace(bytes: Uint8Array, at: number): number {
  while (bytes[at] === 0x20 || bytes[at] === 0x0a || bytes[at] === 0x0d || bytes[at] === 0x09) at++;
  return at;
}

/** `invalid character 'x' <where>` for the byte at `at`, as Go puts it. */
export function invalidCharacter(byte: number, where: string): string {
  return `invalid character ${quoteByte(byte)} ${where}`;
}

class Scanner {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Not recursive: what is open is a list of the brackets that will close it. */
  value(): number {
    const closers: number[] = [];
    for (;;) {
      const first = this.#next();
      if (first === LEFT_BRACE || first === LEFT_BRACKET) {
        if (closers.length === MAX_DEPTH) this.#unexpected('exceeded max depth');
        const closer = first + 2; // in ASCII each pair lies two apart
        closers.push(closer);
        this.#at++;
        if (this.#next() !== closer) {
          if (first === LEFT_BRACE) this.#memberName();
          continue;
        }
      } else {
        this.#scalar(first);
      }
      for (;;) {
        const closer = closers.at(-1);
        if (closer === undefined) return this.#at;
        const byte = this.#next();
        if (byte === closer) {
          this.#at++;
          closers.pop();
          continue;
        }
        if (byte !== COMMA) this.#unexpected(closer === RIGHT_BRACKET ? 'after array element' : 'after object key:value pair');
        this.#at++;
        if (closer === RIGHT_BRACE) this.#memberName();
        break;
      }
    }
  }

  /** The byte behind white space; undefined at the end. */
  #next(): number | undefined {
    this.#at = skipSpace(this.#bytes, this.#at);
    return this.#bytes[this.#at];
  }

  #memberName(): void {
    if (this.#next() !== QUOTE) this.#unexpected('looking for beginning of object key string');
    this.#string();
    if (this.#next() !== COLON) this.#unexpected('after object key');
    this.#at++;
  }

  #scalar(first: number | undefined): void {
    if (first === QUOTE) return this.#string();
    if (first === MINUS || isDigit(first)) return this.#number();
    const word = first === undefined ? undefined : LITERALS[String.fromCharCode(first)];
    if (word === undefined) this.#unexpected('looking for beginning of value');
    this.#literal(word);
  }

  #literal(word: string): void {
    for (const letter of word) {
      if (this.#bytes[this.#at] !== letter.charCodeAt(0)) this.#broken(`in literal ${word} (expecting '${letter}')`);
      this.#at++;
    }
  }

  #number(): void {
    if (this.#bytes[this.#at] === MINUS) this.#at++;
    if (this.#bytes[this.#at] === ZERO) this.#at++;
    else this.#digits('in numeric literal');
    if (this.#bytes[this.#at] === DOT) {
      this.#at++;
      this.#digits('after decimal point in numeric literal');
    }
    if ((this.#bytes[this.#at] ?? 0) === 0x65 || this.#bytes[this.#at] === 0x45) {
      this.#at++;
      if (this.#bytes[this.#at] === PLUS || this.#bytes[this.#at] === MINUS) this.#at++;
      this.#digits('in exponent of numeric literal');
    }
  }

  #digits(where: string): void {
    if (!isDigit(this.#bytes[this.#at])) this.#broken(where);
    while (isDigit(this.#bytes[this.#at])) this.#at++;
  }

  #string(): void {
    this.#at++;
    for (;;) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined || byte < 0x20) this.#unexpected('in string literal');
      this.#at++;
      if (byte === QUOTE) return;
      if (byte === BACKSLASH) this.#escape();
    }
  }

  #escape(): void {
    const kind = String.fromCharCode(this.#bytes[this.#at] ?? 0);
    if (!'"\\/bfnrtu'.includes(kind)) this.#broken('in string escape code');
    this.#at++;
    if (kind !== 'u') return;
    for (let i = 0; i < 4; i++, this.#at++) {
      if (!/[\da-fA-F]/.test(String.fromCharCode(this.#bytes[this.#at] ?? 0))) this.#broken('in \\u hexadecimal character escape');
    }
  }

  /** Fails between tokens or in a string, where the end of the text is simply the end. */
  #unexpected(where: string): never {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw new GoSyntaxError('unexpected end of JSON input', true);
    throw new GoSyntaxError(invalidCharacter(byte, where), false);
  }

  /** Fails within a token: Go feeds its scanner a space at the end of the text, and there it complains about that. */
  #broken(where: string): never {
    const byte = this.#bytes[this.#at];
    throw new GoSyntaxError(invalidCharacter(byte ?? 0x20, where), byte === undefined);
  }
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= NINE;
}

const NAMED: Readonly<Record<number, string>> = { 7: '\\a', 8: '\\b', 9: '\\t', 10: '\\n', 11: '\\v', 12: '\\f', 13: '\\r', 0x27: "\\'", 0x5c: '\\\\' };

/** A byte as Go quotes it: taken for a code point, so bytes of UTF-8 look like Latin-1. */
function quoteByte(byte: number): string {
  const hex = byte.toString(16);
  if (NAMED[byte] !== undefined) return `'${NAMED[byte]}'`;
  if (byte < 0x20 || byte === 0x7f) return `'\\x${hex.padStart(2, '0')}'`;
  // Go prints what is graphic; of Latin-1 these are not.
  if ((byte > 0x7f && byte <= 0xa0) || byte === 0xad) return `'\\u${hex.padStart(4, '0')}'`;
  return `'${String.fromCharCode(byte)}'`;
}
