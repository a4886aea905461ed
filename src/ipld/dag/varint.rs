//! Variable-length integers (unsigned LEB128), as protobuf writes numbers and lengths.

/// Length of the longest encoded number in bytes.
const MAX_LEN: usize = 10;

/// Appends the encoded `n` to `out`.
pub(in crate::ipld) fn put(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

/// Length of the encoded `n` in bytes.
pub(super) fn len(n: u64) -> usize {
    (64 - (n | 1).leading_zeros() as usize).div_ceil(7)
}

/// Consumes a number at the front of `input`. `None` if it is cut off, exceeds 64 bits or is not in its shortest form.
pub(in crate::ipld) fn take(input: &mut &[u8]) -> Option<u64> {
    let mut n = 0u64;
    for (i, byte) in input.iter().copied().enumerate().take(MAX_LEN) {
        let bits = u64::from(byte & 0x7f);
        if i == MAX_LEN - 1 && bits > 1 {
            return None;
        }
        n |= bits << (7 * i);
        if byte & 0x80 == 0 {
            if byte == 0 && i > 0 {
                return None;
            }
            *input = &input[i + 1..];
            return Some(n);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{len, put, take};

    #[test]
    fn written_numbers_parse_to_the_same_value() {
        for n in [0, 1, 0x7f, 0x80, 0x3fff, 0x4000, 1 << 20, u64::MAX >> 1, u64::MAX] {
            let mut bytes = Vec::new();
            put(&mut bytes, n);
            assert_eq!(bytes.len(), len(n), "{n}");
            bytes.push(7);
            let mut rest = &bytes[..];
            assert_eq!((take(&mut rest), rest), (Some(n), &[7][..]), "{n}");
        }
    }

    #[test]
    fn cut_padded_and_oversized_numbers_are_refused() {
        let padded: &[u8] = &[0x80, 0x00];
        let over = [&[0xff; 9][..], &[0x02]].concat();
        for bytes in [&[][..], &[0x80], padded, &over, &[0xff; 11]] {
            let mut rest = bytes;
            assert_eq!(take(&mut rest), None, "{bytes:?}");
            assert_eq!(rest, bytes);
        }
    }
}
