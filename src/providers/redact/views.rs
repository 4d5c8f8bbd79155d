//! A text with one encoding undone, each byte with its position in the original text.

/// A byte, and its range in the original text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Byte {
    pub(super) value: u8,
    pub(super) from: usize,
    pub(super) to: usize,
}

pub(super) type View = Vec<Byte>;

/// Named entities of HTML for what is printable ASCII and neither a letter nor a digit.
const ENTITIES: [(&str, u8); 38] = [
    ("amp", b'&'),
    ("lt", b'<'),
    ("gt", b'>'),
    ("quot", b'"'),
    ("apos", b'\''),
    ("nbsp", b' '),
    ("Tab", b'\t'),
    ("NewLine", b'\n'),
    ("excl", b'!'),
    ("num", b'#'),
    ("dollar", b'$'),
    ("percnt", b'%'),
    ("lpar", b'('),
    ("rpar", b')'),
    ("ast", b'*'),
    ("midast", b'*'),
    ("plus", b'+'),
    ("comma", b','),
    ("hyphen", b'-'),
    ("dash", b'-'),
    ("period", b'.'),
    ("sol", b'/'),
    ("colon", b':'),
    ("semi", b';'),
    ("equals", b'='),
    ("quest", b'?'),
    ("commat", b'@'),
    ("lsqb", b'['),
    ("lbrack", b'['),
    ("bsol", b'\\'),
    ("rsqb", b']'),
    ("rbrack", b']'),
    ("Hat", b'^'),
    ("lowbar", b'_'),
    ("grave", b'`'),
    ("lcub", b'{'),
    ("rcub", b'}'),
    ("vert", b'|'),
];

/// The text as it is.
pub(super) fn plain(text: &str) -> View {
    let byte = |(at, value): (usize, u8)| Byte {
        value,
        from: at,
        to: at + 1,
    };
    text.bytes().enumerate().map(byte).collect()
}

/// The bytes of a view alone.
pub(super) fn values(view: &View) -> Vec<u8> {
    view.iter().map(|byte| byte.value).collect()
}

/// The byte that begins an escape, and the function that decodes it.
type Escape = (u8, fn(&[u8]) -> Undone);

/// Percent-encoding, entities of HTML, and backslashes.
const ESCAPES: [Escape; 3] = [(b'%', percent), (b'&', entity), (b'\\', backslash)];

/// The view with one kind of escape undone once, for each kind that it contains. Each is undone
/// alone, since one encoding leaves the escapes of another as they are.
pub(super) fn unescaped(view: &View) -> Vec<View> {
    let values = values(view);
    let undone = |escape| without(view, &values, escape);
    ESCAPES.into_iter().filter_map(undone).collect()
}

/// The view, whose bytes are `values`, with one kind of escape undone; `None` where there is none.
fn without(view: &View, values: &[u8], (mark, meaning): Escape) -> Option<View> {
    if !values.contains(&mark) {
        return None;
    }
    let mut plain = Vec::with_capacity(view.len());
    let mut has_changed = false;
    let mut at = 0;
    while let Some(byte) = view.get(at) {
        let undone = (byte.value == mark).then(|| meaning(&values[at + 1..]));
        let Some((means, length)) = undone.flatten() else {
            plain.push(*byte);
            at += 1;
            continue;
        };
        let to = view[at + length].to;
        let mut bytes = [0; 4];
        plain.extend(means.bytes(&mut bytes).iter().map(|value| Byte {
            value: *value,
            from: byte.from,
            to,
        }));
        has_changed = true;
        at += length + 1;
    }
    has_changed.then_some(plain)
}

/// What an escape means.
enum Means {
    Byte(u8),
    Char(char),
}

impl Means {
    fn bytes<'b>(&self, room: &'b mut [u8; 4]) -> &'b [u8] {
        match self {
            Self::Byte(byte) => {
                room[0] = *byte;
                &room[..1]
            }
            Self::Char(c) => c.encode_utf8(room).as_bytes(),
        }
    }
}

/// What an escape means, and how many bytes it is long beyond its first.
type Undone = Option<(Means, usize)>;

fn percent(rest: &[u8]) -> Undone {
    Some((
        Means::Byte(u8::try_from(number(rest.get(..2)?, 16)?).ok()?),
        2,
    ))
}

fn entity(rest: &[u8]) -> Undone {
    let is_name = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'#';
    let length = rest.iter().take(10).take_while(is_name).count();
    let name = &rest[..length];
    let means = match name {
        [b'#', b'x' | b'X', digits @ ..] => Means::Char(char::from_u32(number(digits, 16)?)?),
        [b'#', digits @ ..] => Means::Char(char::from_u32(number(digits, 10)?)?),
        _ => {
            let known = ENTITIES.iter().find(|(known, _)| known.as_bytes() == name);
            Means::Byte(known?.1)
        }
    };
    let ends = usize::from(rest.get(length) == Some(&b';'));
    Some((means, length + ends))
}

fn backslash(rest: &[u8]) -> Undone {
    let code = |digits: &[u8], length| {
        let c = char::from_u32(number(digits, 16)?)?;
        Some((Means::Char(c), length))
    };
    match rest {
        [b'u', b'{', more @ ..] => {
            let length = more.iter().take(7).position(|byte| *byte == b'}')?;
            code(&more[..length], length + 3)
        }
        [b'u', digits @ ..] if digits.len() >= 4 => code(&digits[..4], 5),
        [b'x', digits @ ..] if digits.len() >= 2 => code(&digits[..2], 3),
        [b'n', ..] => Some((Means::Byte(b'\n'), 1)),
        [b't', ..] => Some((Means::Byte(b'\t'), 1)),
        [b'r', ..] => Some((Means::Byte(b'\r'), 1)),
        [byte, ..] if byte.is_ascii_punctuation() => Some((Means::Byte(*byte), 1)),
        _ => None,
    }
}

/// Digits as a number; `None` where there are none, too many, or others between them.
fn number(digits: &[u8], radix: u32) -> Option<u32> {
    let text = std::str::from_utf8(digits).ok()?;
    let is_digits = text.chars().all(|c| c.is_digit(radix));
    is_digits.then(|| u32::from_str_radix(text, radix).ok())?
}

/// What the view contains in hexadecimal and in base64, in runs of at least `least` bytes, decoded
/// from each position at which they could begin.
pub(super) fn decoded(view: &View, least: usize) -> Vec<View> {
    let mut found = Vec::new();
    for run in runs(view, hexadecimal, b" :-", least * 2) {
        found.extend((0..2).map(|begin| regrouped(&run[begin..], 4)));
    }
    for run in runs(view, base64, b"\r\n", least * 4 / 3) {
        found.extend((0..4).map(|begin| regrouped(&run[begin..], 6)));
    }
    found
}

/// The digits that stand together, but for single `gaps`, as their values; runs of fewer than `least`
/// are left out.
fn runs(view: &View, value: fn(u8) -> Option<u8>, gaps: &[u8], least: usize) -> Vec<View> {
    let mut found = Vec::new();
    let mut run = View::new();
    let mut gap = 0;
    for byte in view {
        match value(byte.value) {
            Some(value) => {
                run.push(Byte { value, ..*byte });
                gap = 0;
            }
            // A line ends with two characters.
            None if gap < 2 && gaps.contains(&byte.value) => gap += 1,
            None => {
                found.push(std::mem::take(&mut run));
                gap = 0;
            }
        }
    }
    found.push(run);
    found.retain(|run| run.len() >= least.max(4));
    found
}

fn hexadecimal(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

fn base64(digit: u8) -> Option<u8> {
    match digit {
        b'A'..=b'Z' => Some(digit - b'A'),
        b'a'..=b'z' => Some(digit - b'a' + 26),
        b'0'..=b'9' => Some(digit - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}

/// Digits of so many bits each, as bytes; bits left over at the end are dropped.
fn regrouped(digits: &[Byte], bits: usize) -> View {
    let bit = |at: usize| {
        let digit = digits[at / bits].value;
        (digit >> (bits - 1 - at % bits)) & 1
    };
    let byte = |number: usize| {
        let first = number * 8;
        let value = (first..first + 8).fold(0, |value, at| value << 1 | bit(at));
        Byte {
            value,
            from: digits[first / bits].from,
            to: digits[(first + 7) / bits].to,
        }
    };
    (0..digits.len() * bits / 8).map(byte).collect()
}
