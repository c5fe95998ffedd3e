// Loaded into a sidecar before its own code: a clock on the wall that jumps by an hour, back and forth, while the clock that
// counts (performance.now, and timers) runs on. Each jump is a line of output.
const HOUR_MS = 3_600_000;
const EVERY_MS = 250;
const SHIFTS = [HOUR_MS, 0, -HOUR_MS, HOUR_MS, -HOUR_MS, 0];

const Steady = globalThis.Date;
let shiftMs = 0;
const now = (): number => Steady.now() + shiftMs;

globalThis.Date = new Proxy(Steady, {
  apply: () => new Steady(now()).toString(),
  construct: (target, args: unknown[], newTarget) => Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget) as Date,
  get: (target, name) => (name === 'now' ? now : Reflect.get(target, name) as unknown),
});

let jumps = 0;
setInterval(() => {
  shiftMs = SHIFTS[jumps++ % SHIFTS.length] ?? 0;
  process.stdout.write(`the clock is ${shiftMs / HOUR_MS} h off\n`);
}, EVERY_MS).unref();
