//! One rule: which calls, how often, how likely, and what happens to them.

use std::time::Duration;

/// Which calls a rule is about; what is not said matches everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct When {
    method: Option<String>,
    path: Option<String>,
    email: Option<String>,
}

impl When {
    /// Every call.
    #[must_use]
    pub fn any() -> Self {
        Self::default()
    }

    /// Calls with this method.
    #[must_use]
    pub fn method(method: &str) -> Self {
        Self {
            method: Some(method.to_uppercase()),
            ..Self::default()
        }
    }

    /// Only those whose path holds this text.
    #[must_use]
    pub fn path(mut self, part: &str) -> Self {
        self.path = Some(part.to_owned());
        self
    }

    /// Only those about an address that holds this text, without case.
    #[must_use]
    pub fn email(mut self, part: &str) -> Self {
        self.email = Some(part.to_lowercase());
        self
    }

    pub(super) fn matches(&self, method: &str, path: &str, emails: &[String]) -> bool {
        self.method.as_ref().is_none_or(|wanted| wanted == method)
            && self.path.as_ref().is_none_or(|part| path.contains(part))
            && self.email.as_ref().is_none_or(|part| {
                emails
                    .iter()
                    .any(|email| email.to_lowercase().contains(part))
            })
    }
}

/// How often something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// So many times, then never again.
    Count(u32),
    /// Every time.
    Always,
}

impl Times {
    /// Takes one off; false when none was left.
    pub(crate) fn take(&mut self) -> bool {
        match self {
            Self::Always => true,
            Self::Count(0) => false,
            Self::Count(left) => {
                *left -= 1;
                true
            }
        }
    }
}

/// A fault with the calls it is meant for.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    pub(super) when: When,
    pub(super) times: Times,
    pub(super) fault: Fault,
    skip: u32,
    chance: f64,
}

impl Rule {
    /// The next matching call meets the fault, once and surely.
    #[must_use]
    pub fn new(when: When, fault: Fault) -> Self {
        Self {
            when,
            times: Times::Count(1),
            fault,
            skip: 0,
            chance: 1.0,
        }
    }

    /// It happens so many times.
    #[must_use]
    pub fn times(mut self, count: u32) -> Self {
        self.times = Times::Count(count);
        self
    }

    /// It happens every time.
    #[must_use]
    pub fn always(mut self) -> Self {
        self.times = Times::Always;
        self
    }

    /// The first so many matching calls are spared.
    #[must_use]
    pub fn skip(mut self, calls: u32) -> Self {
        self.skip = calls;
        self
    }

    /// It happens with this likelihood, from 0 to 1, by the dice of [`super::Faults::seed`].
    #[must_use]
    pub fn chance(mut self, chance: f64) -> Self {
        self.chance = chance;
        self
    }

    pub(super) fn fires(&mut self, dice: &mut u64) -> bool {
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        (self.chance >= 1.0 || throw(dice) < self.chance) && self.times.take()
    }
}

/// A number from 0 up to 1 (splitmix64: small, seedable, and good enough for a coin).
fn throw(dice: &mut u64) -> f64 {
    *dice = dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *dice;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    // 53 bits fit a double exactly.
    ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

/// What happens to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Another answer than the provider's own.
    Status(Answer),
    /// Nothing is done, and the connection closes without a byte of answer.
    DropBefore,
    /// The call is carried out, and the connection closes without a byte of answer.
    DropAfter,
    /// Nothing is done; the connection stays silent for this long, then closes.
    Hang(Duration),
    /// The call is carried out; the connection stays silent for this long, then closes.
    HangAfter(Duration),
    /// The answer comes this much later; a caller who leaves meanwhile leaves nothing done.
    Delay(Duration),
    /// The call is carried out, and answered this much later as things stood then.
    Late(Duration),
    /// Nothing is done; a proxy's sign-in page is sent with 200.
    Html,
    /// The call is carried out; the answer announces more bytes than it sends.
    CutBody,
    /// Nothing is done; a JSON answer begins and never ends.
    Endless,
    /// Nothing is done; the caller is sent elsewhere.
    Redirect {
        /// The status: 307 asks to repeat the call as it was, 303 to make it a GET.
        status: u16,
        /// The `Location`.
        to: String,
    },
    /// The `Date` header is off by so many seconds.
    DateSkew(i64),
    /// This key is missing from the top of a JSON answer.
    Omit(String),
    /// Every list at the top of a JSON answer is empty.
    EmptyLists,
}

impl Fault {
    /// Another status, with an error as JSON; nothing is done.
    #[must_use]
    pub fn status(code: u16) -> Self {
        Self::Status(Answer::new(code))
    }

    /// Whether other faults may add to it.
    pub(crate) fn only_colours(&self) -> bool {
        matches!(
            self,
            Self::Delay(_) | Self::DateSkew(_) | Self::Omit(_) | Self::EmptyLists
        )
    }
}

/// An answer that takes the place of the provider's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub(crate) code: u16,
    pub(crate) retry_after: Option<String>,
    pub(crate) body: String,
    pub(crate) content_type: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) applied: bool,
}

impl Answer {
    /// This status with an error as JSON; nothing is done.
    #[must_use]
    pub fn new(code: u16) -> Self {
        Self {
            code,
            retry_after: None,
            body: r#"{"error": "scripted"}"#.to_owned(),
            content_type: "application/json".to_owned(),
            headers: Vec::new(),
            applied: false,
        }
    }

    /// With a `Retry-After`: seconds, or a date.
    #[must_use]
    pub fn retry_after(mut self, value: &str) -> Self {
        self.retry_after = Some(value.to_owned());
        self
    }

    /// With another body.
    #[must_use]
    pub fn body(mut self, content_type: &str, body: &str) -> Self {
        self.content_type = content_type.to_owned();
        self.body = body.to_owned();
        self
    }

    /// With one more header; what no header can hold is left out.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The call is carried out all the same, as behind a gateway that lost patience.
    #[must_use]
    pub fn applied(mut self) -> Self {
        self.applied = true;
        self
    }
}
