//! An object as its difference from another of its kind. The same unit of a thousand platforms differs in names, ids and
//! times only: what is kept of each is that, and where the rest is in one that is kept whole.
//!
//! The packed form is a row of pairs: text of its own, then a piece of the reference. Its numbers are seven bits a byte;
//! where a piece begins is counted from where the last one ended, plus as much as the text in between.

use std::sync::Arc;

/// The shortest piece that is looked for; a shorter one is hardly smaller than itself.
const PIECE: usize = 8;
/// Places of the reference that are remembered at once while packing, a power of two.
const PLACES: usize = 1 << 12;

/// A text, packed.
#[derive(Debug)]
pub struct Packed {
    pairs: Box<[u8]>,
    reference: Option<Arc<[u8]>>,
}

impl Packed {
    /// A text that is to be the reference of others.
    pub fn whole(text: Arc<[u8]>) -> Packed {
        let mut pairs = Vec::new();
        number(&mut pairs, 0);
        number(&mut pairs, text.len());
        number(&mut pairs, 0);
        Packed { pairs: pairs.into(), reference: Some(text) }
    }

    pub fn new(text: &[u8], reference: Arc<[u8]>) -> Packed {
        Packed { pairs: pack(text, &reference).into(), reference: Some(reference) }
    }

    /// A text that is like no other.
    pub fn alone(text: &[u8]) -> Packed {
        Packed { pairs: pack(text, &[]).into(), reference: None }
    }

    /// What it takes, the reference aside.
    pub fn size(&self) -> usize {
        self.pairs.len()
    }

    pub fn text(&self) -> Vec<u8> {
        unpack(&self.pairs, self.reference.as_deref().unwrap_or_default())
    }
}

fn pack(text: &[u8], reference: &[u8]) -> Vec<u8> {
    let places = places(reference);
    let mut out = Vec::new();
    // Up to where the text is packed, and where in the reference it would go on.
    let (mut done, mut next, mut at) = (0, 0_usize, 0);
    while at + PIECE <= text.len() {
        let expected = next + (at - done);
        let remembered = places.get(place(&text[at..])).map_or(0, |place| *place as usize);
        let found = [expected, remembered]
            .into_iter()
            .map(|from| (from, common(&text[at..], reference.get(from..).unwrap_or_default())))
            .max_by_key(|(_, len)| *len)
            .filter(|(_, len)| *len >= PIECE);
        let Some((from, len)) = found else {
            at += 1;
            continue;
        };
        number(&mut out, at - done);
        out.extend_from_slice(&text[done..at]);
        number(&mut out, len);
        number(&mut out, zigzag(from, expected));
        (at, next) = (at + len, from + len);
        done = at;
    }
    number(&mut out, text.len() - done);
    out.extend_from_slice(&text[done..]);
    out
}

/// Where in the reference pieces begin, by their hash; the first of several. Empty where there is no reference.
fn places(reference: &[u8]) -> Vec<u32> {
    let mut places = vec![0; if reference.len() < PIECE { 0 } else { PLACES }];
    for (from, piece) in reference.windows(PIECE).enumerate().rev() {
        places[place(piece)] = u32::try_from(from).unwrap_or(0);
    }
    places
}

fn place(piece: &[u8]) -> usize {
    let number = piece.iter().take(PIECE).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    // Fibonacci hashing: the upper bits depend on all others.
    (number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - PLACES.trailing_zeros())) as usize
}

fn common(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

fn unpack(pairs: &[u8], reference: &[u8]) -> Vec<u8> {
    let (mut rest, mut text, mut next) = (pairs, Vec::new(), 0);
    loop {
        let own = read(&mut rest);
        text.extend_from_slice(&rest[..own]);
        rest = &rest[own..];
        if rest.is_empty() {
            return text;
        }
        let len = read(&mut rest);
        let from = unzigzag(read(&mut rest), next + own);
        text.extend_from_slice(&reference[from..from + len]);
        next = from + len;
        if rest.is_empty() {
            return text;
        }
    }
}

fn zigzag(to: usize, from: usize) -> usize {
    if to >= from { (to - from) << 1 } else { ((from - to) << 1) - 1 }
}

fn unzigzag(number: usize, from: usize) -> usize {
    if number & 1 == 0 { from + (number >> 1) } else { from - number.div_ceil(2) }
}

fn number(out: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        out.push((number & 0x7F) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn read(rest: &mut &[u8]) -> usize {
    let mut number = 0;
    for (index, byte) in rest.iter().enumerate() {
        number |= usize::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            *rest = &rest[index + 1..];
            break;
        }
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_packed_comes_out_as_it_was(
            reference in "[ab{}\":,é]{0,300}",
            cuts in proptest::collection::vec((0_usize..300, 0_usize..300, "[ab\":é]{0,12}"), 0..8),
        ) {
            let mut text = Vec::new();
            for (from, to, own) in &cuts {
                text.extend_from_slice(own.as_bytes());
                let (from, to) = (*from.min(&reference.len()), *to.min(&reference.len()));
                text.extend_from_slice(reference.as_bytes().get(from..to).unwrap_or_default());
            }
            let whole: Arc<[u8]> = reference.as_bytes().into();
            prop_assert_eq!(Packed::new(&text, whole.clone()).text(), text.clone());
            prop_assert_eq!(Packed::alone(&text).text(), text);
            prop_assert_eq!(Packed::whole(whole.clone()).text(), whole.to_vec());
        }
    }

    #[test]
    fn what_differs_in_a_name_takes_little_more_than_the_name() {
        let of = |name: &str| {
            let unit =
                |n| format!(r#"{{"name":"{name}-{n}","image":"ghcr.io/orion/{n}","ports":[80,443]}},"#);
            ["auth", "user", "gateway", "postgres"].map(unit).concat().into_bytes()
        };
        let packed = Packed::new(&of("a-much-longer-name"), of("orion").into());
        assert!(packed.size() < 4 * "a-much-longer-name".len() + 40, "{}", packed.size());
    }
}
