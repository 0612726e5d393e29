//! Makes an input out of another: a few changes of kinds that parsers meet.

use crate::random::Random;

/// Numbers at which something often changes.
const NUMBERS: [u64; 18] = [
    0,
    1,
    7,
    8,
    0x7f,
    0x80,
    0xff,
    0x100,
    511,
    512,
    513,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    u64::MAX,
];

/// Where changes take bytes from.
pub struct Sources<'a> {
    pub words: &'a [&'a str],
    pub corpus: &'a [Vec<u8>],
    /// The longest input, in bytes.
    pub longest: usize,
}

/// Changes `input` in one to eight places.
pub fn mutate(input: &mut Vec<u8>, sources: &Sources, random: &mut Random) {
    for _ in 0..=random.below(8) {
        change(input, sources, random);
    }
    input.truncate(sources.longest);
}

fn change(input: &mut Vec<u8>, sources: &Sources, random: &mut Random) {
    let at = random.below(input.len() + 1);
    match random.below(12) {
        0 => flip(input, at, random),
        1 => overwrite(input, at, &[random.next() as u8]),
        2 => insert(input, at, &random.next().to_le_bytes()[..1 + random.below(8)]),
        3 => remove(input, at, random),
        4 => repeat(input, at, random),
        5 => overwrite(input, at, word(sources, random)),
        6 | 7 => insert(input, at, word(sources, random)),
        8 => number(input, at, random),
        9 => decimal(input, at, random),
        10 => step(input, at, random),
        _ => splice(input, at, sources, random),
    }
}

fn flip(input: &mut [u8], at: usize, random: &mut Random) {
    if let Some(byte) = input.get_mut(at) {
        *byte ^= 1 << random.below(8);
    }
}

/// One more or less, or a few.
fn step(input: &mut [u8], at: usize, random: &mut Random) {
    if let Some(byte) = input.get_mut(at) {
        *byte = byte.wrapping_add(random.below(17) as u8).wrapping_sub(8);
    }
}

fn overwrite(input: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    let end = (at + bytes.len()).min(input.len());
    input.splice(at..end, bytes.iter().copied());
}

fn insert(input: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    input.splice(at..at, bytes.iter().copied());
}

/// A range that begins at `at`: mostly short, sometimes of any length.
fn range(input: &[u8], at: usize, random: &mut Random) -> std::ops::Range<usize> {
    let left = input.len() - at;
    let most = if random.below(4) == 0 { left } else { left.min(16) };
    at..at + random.below(most + 1)
}

fn remove(input: &mut Vec<u8>, at: usize, random: &mut Random) {
    let range = range(input, at, random);
    input.drain(range);
}

fn repeat(input: &mut Vec<u8>, at: usize, random: &mut Random) {
    let range = range(input, at, random);
    let piece = input[range].to_vec();
    let times = if random.below(16) == 0 { 100 } else { 1 };
    (0..times).for_each(|_| insert(input, at, &piece));
}

fn word<'a>(sources: &Sources<'a>, random: &mut Random) -> &'a [u8] {
    random.pick(sources.words).map_or(&[], |word| word.as_bytes())
}

/// A number in two, four or eight bytes.
fn number(input: &mut Vec<u8>, at: usize, random: &mut Random) {
    let value = NUMBERS[random.below(NUMBERS.len())];
    let size = [1, 2, 4, 8][random.below(4)];
    let (little, big) = (value.to_le_bytes(), value.to_be_bytes());
    let bytes = if random.below(2) == 0 { &little[..size] } else { &big[8 - size..] };
    overwrite(input, at, bytes);
}

/// A number in decimal or octal digits, in the place of the one that stands there.
fn decimal(input: &mut Vec<u8>, at: usize, random: &mut Random) {
    let value = if random.below(2) == 0 {
        NUMBERS[random.below(NUMBERS.len())]
    } else {
        random.next() >> random.below(64)
    };
    let text = if random.below(3) == 0 { format!("{value:o}") } else { value.to_string() };
    let start = input[..at].iter().rposition(|byte| !byte.is_ascii_digit()).map_or(0, |before| before + 1);
    let digits = input[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    input.splice(start..start + digits, text.into_bytes());
}

/// A piece of another input.
fn splice(input: &mut Vec<u8>, at: usize, sources: &Sources, random: &mut Random) {
    let Some(other) = random.pick(sources.corpus) else { return };
    let from = random.below(other.len() + 1);
    let piece = &other[range(other, from, random)];
    if random.below(2) == 0 { insert(input, at, piece) } else { overwrite(input, at, piece) }
}
