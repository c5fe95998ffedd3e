// What goes wrong with Kafka, sorted by what follows from it.

/** What went wrong, as far as it decides what follows. */
export type KafkaTroubleKind =
  /** The broker refuses us for good: login, rights, names. */
  | 'refused'
  /** The topic is not there, or not ours to use. */
  | 'topic'
  /** The topic has no such partition. */
  | 'partition'
  /** The records are more than the broker takes in one request. */
  | 'too-large'
  /** Stored data that this client can't read. */
  | 'unreadable'
  /** The network, a broker that is away: may pass. */
  | 'passing';

export class KafkaTrouble extends Error {
  override readonly name = 'KafkaTrouble';
  readonly kind: KafkaTroubleKind;

  constructor(kind: KafkaTroubleKind, text: string) {
    super(text);
    this.kind = kind;
  }
}

const REFUSED = /AUTHORIZATION_FAILED$|^SASL_|^ILLEGAL_SASL|^INVALID_SESSION_TIMEOUT$|^INCONSISTENT_GROUP_PROTOCOL$|^INVALID_GROUP_ID$|^UNSUPPORTED_/;
const TOPIC = /^(UNKNOWN_TOPIC_OR_PARTITION|INVALID_TOPIC_EXCEPTION|TOPIC_AUTHORIZATION_FAILED)$/;
const TOO_LARGE = /^(MESSAGE_TOO_LARGE|RECORD_LIST_TOO_LARGE)$/;

/** Goes through what kafkajs wraps its errors in. */
export function troubleOf(cause: unknown): KafkaTrouble {
  let text = cause instanceof Error ? cause.message : String(cause);
  for (let error: unknown = cause; error instanceof Error; error = error.cause) {
    if (error instanceof KafkaTrouble) return error;
    const { type = '' } = error as { readonly type?: string };
    if (TOPIC.test(type)) return new KafkaTrouble('topic', error.message);
    if (TOO_LARGE.test(type)) return new KafkaTrouble('too-large', error.message);
    if (error.name === 'KafkaJSNotImplemented') return new KafkaTrouble('unreadable', `${error.message.replace(' not implemented', '')} is not supported, so what is stored can't be read`);
    if (error.name === 'KafkaJSSASLAuthenticationError' || REFUSED.test(type)) return new KafkaTrouble('refused', error.message);
    text = error.message;
  }
  return new KafkaTrouble('passing', text);
}
