// Lengths of time as k6 writes them.

const UNITS = { ms: 1, s: 1000, m: 60000, h: 3600000 };

/** Milliseconds of `500ms`, `1m30s`, or of a number of milliseconds. */
export function milliseconds(written) {
    if (typeof written === 'number') {
        return written;
    }
    if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(written)) {
        throw new Error(`${written} is not a length of time`);
    }
    const parts = [...written.matchAll(/([\d.]+)(ms|s|m|h)/g)];
    return parts.reduce((sum, [, value, unit]) => sum + Number(value) * UNITS[unit], 0);
}

export const pause = (time) => new Promise((resolve) => setTimeout(resolve, time));
