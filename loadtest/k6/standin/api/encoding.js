// The module `k6/encoding`.

import { Buffer } from 'node:buffer';

const VARIANTS = {
    std: (text) => text,
    rawstd: (text) => text.replace(/=+$/, ''),
    url: (text) => text.replace(/\+/g, '-').replace(/\//g, '_'),
    rawurl: (text) => VARIANTS.rawstd(VARIANTS.url(text)),
};

export function b64encode(input, variant = 'std') {
    return VARIANTS[variant](Buffer.from(input).toString('base64'));
}

export default { b64encode };
