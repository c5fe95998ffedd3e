// The words of the comparison: modes, operations, sizes; and the names of the things in the sidecars that are compared.

/** How the blocks run. `remote-...`: in block servers, which the kernel dials. */
export const MODES = ['monolith', 'thread', 'process', 'remote-rings', 'remote-socket', 'remote-tls'] as const;
export type Mode = (typeof MODES)[number];

export const MODE_NAMES: Readonly<Record<Mode, string>> = {
  'monolith': 'monolith', 'thread': 'thread', 'process': 'process', 'remote-rings': 'remote, unix socket with rings', 'remote-socket': 'remote, unix socket', 'remote-tls': 'remote, TCP with TLS',
};

/** `deliver`: a message is published, and has arrived at the application. `lock`: taken and given back, which counts as one call. */
export const OPERATIONS = ['state-get', 'state-set', 'deliver', 'lock', 'config-get'] as const;
export type Operation = (typeof OPERATIONS)[number];

export const OPERATION_NAMES: Readonly<Record<Operation, string>> = {
  'state-get': 'state get', 'state-set': 'state set', 'deliver': 'publish and deliver', 'lock': 'lock and unlock', 'config-get': 'configuration get',
};

/** The blocks that serve them. */
export const BLOCKS = ['state', 'pubsub', 'lock', 'config'] as const;
export type Block = (typeof BLOCKS)[number];
export const BLOCK_OF: Readonly<Record<Operation, Block>> = { 'state-get': 'state', 'state-set': 'state', 'deliver': 'pubsub', 'lock': 'lock', 'config-get': 'config' };

/** Bytes of a value or a payload. */
export const SIZES = [100, 4_096, 262_144] as const;
export const sizeName = (bytes: number): string => (bytes % 2 ** 20 === 0 ? `${bytes / 2 ** 20} MiB` : bytes % 1_024 === 0 ? `${bytes / 1_024} KiB` : `${bytes} B`);

export const PROTOCOLS = ['grpc', 'http'] as const;
export type Protocol = (typeof PROTOCOLS)[number];

/** One operation with one size; a lock has none. */
export interface Cell {
  readonly operation: Operation;
  readonly bytes: number | undefined;
}

export const cellName = ({ operation, bytes }: Cell): string => (bytes === undefined ? OPERATION_NAMES[operation] : `${OPERATION_NAMES[operation]}, ${sizeName(bytes)}`);

export const cellsOf = (operations: readonly Operation[], sizes: readonly number[]): Cell[] =>
  operations.flatMap((operation): Cell[] => (operation === 'lock' ? [{ operation, bytes: undefined }] : sizes.map((bytes) => ({ operation, bytes }))));

/** From here on a value is large: fewer calls are made at a time. */
export const LARGE_BYTES = 65_536;
export const inFlightOf = ({ bytes }: Cell): number => (bytes !== undefined && bytes >= LARGE_BYTES ? 8 : 64);

export const STATE = 'statestore';
export const PUBSUB = 'pubsub';
export const LOCKS = 'lockstore';
export const CONFIG = 'configstore';
/** Of each size. A configuration file may have a MiB. */
export const keysOf = (bytes: number): number => (bytes >= LARGE_BYTES ? 3 : 16);
export const keyOf = (bytes: number, i: number): string => `k${bytes}-${i}`;
/** So that sidecars on one broker do not get each other's messages. */
export const topicOf = (mode: Mode): string => `orders-${mode}`;
