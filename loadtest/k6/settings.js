// Settings of the scripts, from the environment or from `k6 run -e NAME=VALUE`. A run is bounded in time and in requests:
// no setting may exceed the limit that its script gives here. A value out of bounds ends the run before it begins.

/** A registry on this machine, with an optional path behind it. */
const LOOPBACK = /^https?:\/\/(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?(\/|$)/;

/** Address of the registry, without a slash at the end. */
export const registry = allowed(
    withScheme(text('REGISTRY', 'http://127.0.0.1:5000')).replace(/\/+$/, ''),
);

/** Name and password, as `NAME:PASSWORD`; empty for a registry that needs no login. */
export const account = text('ACCOUNT', '');

/** Sizes of the layers of an image in bytes. k6 holds the layers of one image in memory for each virtual user. */
export const layers = text('LAYERS', '1MiB,256KiB').split(',').map(bytes);

/** The repository that a script uses below the one that REPOSITORY names. */
export function repository(script) {
    return `${text('REPOSITORY', 'load/k6')}/${script}`;
}

/** A whole number of at least 1. */
export function count(name, usual, most) {
    const given = Number(text(name, String(usual)));
    if (!Number.isInteger(given) || given < 1 || given > most) {
        throw new Error(`${name} must be a whole number from 1 to ${most}`);
    }
    return given;
}

/** A number of seconds, written as `90`, `90s`, `5m` or `1h`. */
export function seconds(name, usual, most) {
    const given = /^(\d+)(s|m|h)?$/.exec(text(name, usual));
    const value = given ? Number(given[1]) * { s: 1, m: 60, h: 3600 }[given[2] || 's'] : 0;
    if (value < 1 || value > most) {
        throw new Error(`${name} must be a time from 1s to ${most}s, such as 90s, 5m or 1h`);
    }
    return value;
}

/** Returns the address if these scripts may load it, and throws otherwise. Addresses that the registry names pass it too. */
export function allowed(url) {
    if (LOOPBACK.test(url) || text('REMOTE', '') === 'yes') {
        return url;
    }
    throw new Error(
        `${url} is not on this machine. These scripts send as much as they can, which takes down a registry that others ` +
            'use, and may count as an attack. Run k6 on the machine of the registry, or set REMOTE=yes if you operate it ' +
            'and nobody depends on it.',
    );
}

function text(name, usual) {
    return __ENV[name] === undefined || __ENV[name] === '' ? usual : __ENV[name];
}

function withScheme(address) {
    return address.includes('://') ? address : `http://${address}`;
}

function bytes(written) {
    const given = /^(\d+)(KiB|MiB)$/.exec(written.trim());
    const value = given ? Number(given[1]) * { KiB: 1024, MiB: 1024 * 1024 }[given[2]] : 0;
    if (value < 1 || value > 256 * 1024 * 1024) {
        throw new Error(`LAYERS must be sizes from 1KiB to 256MiB, such as 4MiB,256KiB; ${written} is none`);
    }
    return value;
}
