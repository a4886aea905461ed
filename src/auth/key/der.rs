//! Writes an RSAPrivateKey (RFC 8017, A.1.2) in DER: a sequence of nine integers.

/// The DER of a key. `numbers` are `n, e, d, p, q, dP, dQ, qInv`, big-endian and unsigned; the version is added here.
pub(super) fn private_key(numbers: [&[u8]; 8]) -> Vec<u8> {
    let mut body = integer(&[0]);
    for number in numbers {
        body.extend(integer(number));
    }
    element(0x30, &body)
}

/// An INTEGER in as few bytes as possible. A zero byte goes first if the top bit would otherwise look like a sign.
fn integer(number: &[u8]) -> Vec<u8> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let digits = &number[zeros..];
    let mut value = Vec::with_capacity(digits.len() + 1);
    if digits.first().is_none_or(|first| first & 0x80 != 0) {
        value.push(0);
    }
    value.extend_from_slice(digits);
    element(0x02, &value)
}

fn element(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = value.len().to_be_bytes();
    let zeros = length.iter().take_while(|byte| **byte == 0).count();
    let mut element = vec![tag];
    match value.len() {
        0..0x80 => element.push(length[length.len() - 1]),
        _ => {
            let digits = &length[zeros..];
            element.push(0x80 | digits.len() as u8);
            element.extend_from_slice(digits);
        }
    }
    element.extend_from_slice(value);
    element
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_have_no_needless_zeros() {
        assert_eq!(integer(&[0]), [2, 1, 0]);
        assert_eq!(integer(&[]), [2, 1, 0]);
        assert_eq!(integer(&[0, 0, 1, 0]), [2, 2, 1, 0]);
        assert_eq!(integer(&[0x7f]), [2, 1, 0x7f]);
        assert_eq!(integer(&[0x80]), [2, 2, 0, 0x80]);
    }

    #[test]
    fn lengths_take_as_many_bytes_as_they_need() {
        assert_eq!(element(4, &[7; 0x7f])[..2], [4, 0x7f]);
        assert_eq!(element(4, &[7; 0x80])[..3], [4, 0x81, 0x80]);
        assert_eq!(element(4, &[7; 0x1234])[..4], [4, 0x82, 0x12, 0x34]);
    }
}
