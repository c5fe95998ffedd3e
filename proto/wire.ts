/** Reading protobuf bytes that are only borrowed with the generated decoders: a reader that copies what it hands out. */
import { BinaryReader } from '@bufbuild/protobuf/wire';
import { copyOf, readText } from './borrowed.ts';

/**
 * Reads a message out of memory that is only borrowed until the caller returns, a ring's for instance. Whatever it hands out
 * lives on its own: bytes are copied, texts are strings anyway. Use: `GetStateRequest.decode(new CopyingReader(body))`.
 * Unlike its base it throws on text that is not UTF-8, as proto3 demands.
 */
export class CopyingReader extends BinaryReader {
  /** The generated decoders count their nesting on the reader. Declared, so that all readers have one shape. */
  __tsProtoDecodeDepth = 0;
  readonly #body: Uint8Array;

  constructor(body: Uint8Array) {
    super(body);
    this.#body = body;
  }

  /** A copy, see `copyOf`. @throws RangeError if the length leads out of the message. */
  override bytes(): Uint8Array {
    const start = this.#advance();
    return copyOf(this.#body, start, this.pos);
  }

  /** @throws RangeError if the length leads out of the message, TypeError if the bytes are not UTF-8. */
  override string(): string {
    const start = this.#advance();
    return readText(this.#body, start, this.pos);
  }

  /** Moves behind a length and as many bytes; returns where they start. */
  #advance(): number {
    const length = this.uint32();
    const start = this.pos;
    if (start + length > this.len) throw new RangeError('premature end of message');
    this.pos = start + length;
    return start;
  }
}
