//! The wire format: numbers, and bytes with their length in front.

/// One field of a message.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Item<'a> {
    Number(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
}

/// The bytes are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Broken;

/// The fields of a message, in their order.
pub(super) fn fields(bytes: &[u8]) -> Fields<'_> {
    Fields { rest: bytes }
}

pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Broken> {
        let (head, rest) = self.rest.split_at_checked(length).ok_or(Broken)?;
        self.rest = rest;
        Ok(head)
    }

    fn read(&mut self) -> Result<(u64, Item<'a>), Broken> {
        let tag = read_number(&mut self.rest)?;
        let item = match tag & 7 {
            0 => Item::Number(read_number(&mut self.rest)?),
            1 => {
                let bytes = self.take(8)?.try_into().map_err(|_| Broken)?;
                Item::Fixed64(u64::from_le_bytes(bytes))
            }
            2 => {
                let length = usize::try_from(read_number(&mut self.rest)?).map_err(|_| Broken)?;
                Item::Bytes(self.take(length)?)
            }
            // 32 bits: no message has such a field, and whoever sends one means another.
            5 => {
                self.take(4)?;
                Item::Bytes(b"")
            }
            _ => return Err(Broken),
        };
        Ok((tag >> 3, item))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Item<'a>), Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.read();
        if field.is_err() {
            self.rest = b"";
        }
        Some(field)
    }
}

pub(super) fn read_number(bytes: &mut &[u8]) -> Result<u64, Broken> {
    let mut number = 0_u64;
    for shift in (0..70).step_by(7) {
        let (&byte, rest) = bytes.split_first().ok_or(Broken)?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(Broken)
}

fn put(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push((number as u8) | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

pub(super) fn write_number(field: u64, number: u64, out: &mut Vec<u8>) {
    put(field << 3, out);
    put(number, out);
}

pub(super) fn write_fixed64(field: u64, bits: u64, out: &mut Vec<u8>) {
    put(field << 3 | 1, out);
    out.extend_from_slice(&bits.to_le_bytes());
}

pub(super) fn write_bytes(field: u64, bytes: &[u8], out: &mut Vec<u8>) {
    put(field << 3 | 2, out);
    put(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}
