// Where a link over TCP may do without TLS: within one machine, and only when somebody has said so.
import { lookup as lookupAll } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';

let loopback: BlockList | undefined;

/**
 * Why a plain listener or dial may not be; undefined where it may.
 * @param host without brackets; `localhost` is checked once more when it is resolved (`lookupLoopback`).
 * @param allowed by an explicit flag, which the caller names in its message.
 */
export function plainProblem(host: string, allowed: boolean): string | undefined {
  if (host !== 'localhost' && !isLoopback(host)) return `a link over TCP without TLS is possible on a loopback address alone, and ${host === '' ? 'all interfaces are' : `${host} is`} none: certificates are needed`;
  return allowed ? undefined : 'a link over TCP needs certificates; without them it must be allowed by a flag, and anybody on this machine can use it';
}

/** Resolves a name, and fails when it means anything but this machine. */
export const lookupLoopback: LookupFunction = (hostname, options, callback) => {
  lookupAll(hostname, { ...options, all: true }, (cause, found) => {
    const stranger = cause === null ? found.find(({ address }) => !isLoopback(address)) : undefined;
    const [first] = found ?? [];
    if (cause !== null || first === undefined) callback(cause ?? new Error(`${hostname} has no address`), '');
    else if (stranger !== undefined) callback(Object.assign(new Error(plainProblem(`${hostname} (${stranger.address})`, true)), { code: 'ENOTLOOPBACK' }), '');
    else if (options.all === true) callback(null, found);
    else callback(null, first.address, first.family);
  });
};

/** 127.0.0.0/8 (RFC 1122 section 3.2.1.3), also as IPv6 writes it, and ::1 (RFC 4291 section 2.5.3). */
export function isLoopback(address: string): boolean {
  const family = isIP(address);
  if (family === 0) return false;
  if (loopback === undefined) {
    loopback = new BlockList();
    loopback.addSubnet('127.0.0.0', 8, 'ipv4');
    loopback.addAddress('::1', 'ipv6');
  }
  return loopback.check(address, family === 4 ? 'ipv4' : 'ipv6');
}
