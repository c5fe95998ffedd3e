// SETTINGS: what the peer may say and what it means, and what we say (RFC 9113 section 6.5).
import { ConnectionError, ErrorCode, FRAME_BYTES, LARGEST_WINDOW, readUint32, writeUint32 } from './frames.ts';

export const Setting = { HEADER_TABLE_SIZE: 1, ENABLE_PUSH: 2, MAX_CONCURRENT_STREAMS: 3, INITIAL_WINDOW_SIZE: 4, MAX_FRAME_SIZE: 5, MAX_HEADER_LIST_SIZE: 6 } as const;

export const SETTING_BYTES = 6;
/** Before the peer has said anything. */
export const INITIAL_WINDOW = 65_535;
export const INITIAL_TABLE_BYTES = 4_096;
const LARGEST_FRAME_SIZE = 2 ** 24 - 1;

/** What of the peer's settings concerns a server that pushes nothing. */
export class PeerSettings {
  tableBytes: number = INITIAL_TABLE_BYTES;
  streamWindow: number = INITIAL_WINDOW;
  frameBytes: number = FRAME_BYTES;

  /** Takes the payload of a SETTINGS frame. @throws ConnectionError */
  take(payload: Uint8Array, start: number, end: number): void {
    if ((end - start) % SETTING_BYTES !== 0) throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, `SETTINGS of ${end - start} bytes`);
    for (let at = start; at < end; at += SETTING_BYTES) this.#set((payload[at]! << 8) | payload[at + 1]!, readUint32(payload, at + 2));
  }

  #set(setting: number, value: number): void {
    switch (setting) {
      case Setting.HEADER_TABLE_SIZE:
        this.tableBytes = value;
        return;
      case Setting.ENABLE_PUSH:
        if (value > 1) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, `SETTINGS_ENABLE_PUSH of ${value}`);
        return;
      case Setting.INITIAL_WINDOW_SIZE:
        if (value > LARGEST_WINDOW) throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, `SETTINGS_INITIAL_WINDOW_SIZE of ${value}`);
        this.streamWindow = value;
        return;
      case Setting.MAX_FRAME_SIZE:
        if (value < FRAME_BYTES || value > LARGEST_FRAME_SIZE) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, `SETTINGS_MAX_FRAME_SIZE of ${value}`);
        this.frameBytes = value;
    }
  }
}

/** Writes setting and value pairs; returns where the next byte goes. */
export function writeSettings(out: Uint8Array, at: number, pairs: readonly (readonly [setting: number, value: number])[]): number {
  for (const [setting, value] of pairs) {
    out[at] = setting >>> 8;
    out[at + 1] = setting;
    at = writeUint32(out, at + 2, value);
  }
  return at;
}
