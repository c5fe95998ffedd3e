// The clock that the campaign and its load share: monotonic, and the same in all processes of a machine. Milliseconds.

export const clockMs = (): number => Number(process.hrtime.bigint()) / 1e6;
