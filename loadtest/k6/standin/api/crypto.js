// The module `k6/crypto`.

import * as node from 'node:crypto';

export function randomBytes(size) {
    const bytes = new Uint8Array(size);
    // Node takes at most 64 KiB of random bytes at once.
    for (let at = 0; at < size; at += 65536) {
        node.webcrypto.getRandomValues(bytes.subarray(at, at + 65536));
    }
    return bytes.buffer;
}

export function sha256(input, encoding) {
    if (typeof input !== 'string' && !(input instanceof ArrayBuffer)) {
        throw new Error('sha256 takes a string or an ArrayBuffer');
    }
    if (encoding !== 'hex' && encoding !== 'base64') {
        throw new Error(`sha256 has no encoding ${encoding} here`);
    }
    const hash = node.createHash('sha256');
    return hash.update(typeof input === 'string' ? input : new Uint8Array(input)).digest(encoding);
}

export default { randomBytes, sha256 };
