// Which component a gRPC request names, read off its bytes: the text in field 1, found by skipping everything else. In bytes
// that the block's decoder takes, it finds what that finds; what the decoder would refuse names nobody here, and the refusal
// is the block's to word.

/** Wire types. */
const VARINT = 0, BIT64 = 1, BYTES = 2, GROUP = 3, GROUP_END = 4, BIT32 = 5;
/** Field 1, of bytes. */
const NAME_TAG = (1 << 3) | BYTES;
const ABSENT = -1;
const MALFORMED = -2;
/** Groups within each other: no more than the decoders take. */
const MAX_GROUPS = 100;

/**
 * So many fields are looked at: that takes milliseconds at most, and a call must not hold up others. Encoders write the name
 * first; one that another name follows that late counts by the first of them, and the block that it does not mean says so.
 */
const MAX_FIELDS = 65_536;
let fieldsLeft = 0;

/** A power of two, well above the number of components an app has. */
const NAME_SLOTS = 64;
/** Names found lately, all ASCII, by a cheap hash. Comparing takes half the time of making the string again. */
const names: string[] = Array.from({ length: NAME_SLOTS }, () => '');
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Of a unary request, or one that opens a server's stream. Undefined when it names none, or can't be read. */
export function componentName(message: Uint8Array): string | undefined {
  fieldsLeft = MAX_FIELDS;
  const at = findField1(message, 0, message.length);
  return at < 0 ? undefined : textAt(message, at);
}

/** Of a message whose field 1 is a message that has the name in its field 1: what opens a topic's stream. */
export function initialComponentName(message: Uint8Array): string | undefined {
  fieldsLeft = MAX_FIELDS;
  const at = findField1(message, 0, message.length);
  if (at < 0) return undefined;
  const start = behindVarint(message, at);
  const inner = findField1(message, start, start + uint32At(message, at, message.length));
  return inner < 0 ? undefined : textAt(message, inner);
}

/** Where the length of field 1 stands; of several fields the last counts, as for every decoder. ABSENT, or MALFORMED for what is no message. */
function findField1(body: Uint8Array, start: number, end: number): number {
  let found = ABSENT;
  let at = start;
  while (at < end) {
    if (--fieldsLeft < 0) return found;
    let tag = body[at]!;
    if (tag < 0x80) at++;
    else {
      tag = uint32At(body, at, end);
      if (tag < 0) return MALFORMED;
      at = behindVarint(body, at);
    }
    if (tag === NAME_TAG) found = at;
    if (tag === 0 || (tag & 7) === GROUP_END) return at === end ? found : MALFORMED; // the end, whatever follows
    at = skipValue(body, at, end, tag & 7, MAX_GROUPS);
    if (at < 0) return MALFORMED;
  }
  return found;
}

/** Where the next field starts, or MALFORMED. `end` at most. */
function skipValue(body: Uint8Array, start: number, end: number, wireType: number, groupsLeft: number): number {
  let at = start;
  if (wireType === BYTES) {
    const length = at < end && body[at]! < 0x80 ? body[at]! : uint32At(body, at, end);
    if (length < 0) return MALFORMED;
    at = behindVarint(body, at) + length;
  } else if (wireType === VARINT) {
    while (at < end && body[at]! > 0x7f) at++;
    at++;
  } else if (wireType === BIT64) at += 8;
  else if (wireType === BIT32) at += 4;
  else if (wireType === GROUP) return groupsLeft === 0 ? MALFORMED : skipGroup(body, at, end, ABSENT, groupsLeft);
  else return MALFORMED;
  return at > end ? MALFORMED : at;
}

/** @param field the group's number, which its end must have; ABSENT: any. Tags in a group are checked, as the decoders do. */
function skipGroup(body: Uint8Array, start: number, end: number, field: number, groupsLeft: number): number {
  let at = start;
  while (at < end && --fieldsLeft >= 0) {
    const tag = uint32At(body, at, end);
    const behind = behindVarint(body, at);
    if (tag < 8 || behind - at > 5 || (behind - at === 5 && body[behind - 1]! > 0x0f)) return MALFORMED;
    at = behind;
    if ((tag & 7) === GROUP_END) return field === ABSENT || tag >>> 3 === field ? at : MALFORMED;
    at = (tag & 7) === GROUP && groupsLeft > 1 ? skipGroup(body, at, end, tag >>> 3, groupsLeft - 1) : skipValue(body, at, end, tag & 7, groupsLeft - 1);
    if (at < 0) return MALFORMED;
  }
  return MALFORMED;
}

/** The lower 32 bits of a varint of at most ten bytes; MALFORMED when there is none. */
function uint32At(body: Uint8Array, start: number, end: number): number {
  let value = 0;
  for (let i = 0; i < 10 && start + i < end; i++) {
    const byte = body[start + i]!;
    if (i < 5) value |= (byte & 0x7f) << (7 * i); // bits above the 32nd are shifted away
    if (byte < 0x80) return value >>> 0;
  }
  return MALFORMED;
}

function behindVarint(body: Uint8Array, start: number): number {
  let at = start;
  while (body[at]! > 0x7f) at++;
  return at + 1;
}

/** The text behind a length that is known to fit; undefined when it is not UTF-8. */
function textAt(body: Uint8Array, at: number): string | undefined {
  const start = behindVarint(body, at);
  const length = uint32At(body, at, body.length);
  if (length === 0) return '';
  const end = start + length;
  const slot = (length + body[start + (length >> 1)]! * 13 + body[end - 1]! * 31) & (NAME_SLOTS - 1);
  const guess = names[slot]!;
  if (guess.length === length) {
    let left = length; // from the end, where names differ
    while (left > 0 && guess.charCodeAt(left - 1) === body[start + left - 1]) left--;
    if (left === 0) return guess;
  }
  try {
    const name = strict.decode(body.subarray(start, end));
    // As many characters as bytes means ASCII. Anything else stays out: a Latin-1 character would match a byte that is not UTF-8.
    if (name.length === length) names[slot] = name;
    return name;
  } catch {
    return undefined; // not UTF-8
  }
}
