//! Instants and spans in whole microseconds, UTC. The only text form is RFC 3339 with six
//! decimals and `Z`, so that one instant has one spelling in the log.

use super::text_form::text_form;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use std::fmt;

/// An instant: microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(i64);

/// A length of time in whole microseconds. Never negative.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(u64);

/// Text that is not `YYYY-MM-DDTHH:MM:SS.ffffffZ`.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a time must be RFC 3339 in UTC with six decimals, such as 2026-01-31T09:00:00.000000Z")]
pub struct NotATime;

/// Text that is not a length of time as people write it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a length of time is a whole number and s, m or h, such as 90s, 20m or 24h")]
pub struct NotASpan;

impl Time {
    /// From microseconds since the Unix epoch.
    #[must_use]
    pub const fn from_unix_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// From whole seconds since the Unix epoch; saturates at the far ends.
    #[must_use]
    pub const fn from_unix_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// Microseconds since the Unix epoch.
    #[must_use]
    pub const fn unix_micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    #[must_use]
    pub const fn unix_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// This instant and `span` later; saturates at the far end.
    #[must_use]
    pub const fn plus(self, span: Span) -> Self {
        Self(self.0.saturating_add_unsigned(span.0))
    }

    /// This instant and `span` earlier; saturates at the far end.
    #[must_use]
    pub const fn minus(self, span: Span) -> Self {
        Self(self.0.saturating_sub_unsigned(span.0))
    }

    /// How long from `earlier` until `self`; zero if `earlier` is not earlier.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Span {
        if self.0 <= earlier.0 { Span(0) } else { Span(self.0.abs_diff(earlier.0)) }
    }

    /// Reads the one text form.
    ///
    /// # Errors
    /// [`NotATime`] for every other spelling, also of the same instant, and outside the years 1970 to 9998.
    pub fn parse(text: &str) -> Result<Self, NotATime> {
        let digits: &[u8; FORM.len()] = text.as_bytes().try_into().map_err(|_| NotATime)?;
        let fits = |(byte, form): (&u8, &u8)| if *form == b'0' { byte.is_ascii_digit() } else { byte == form };
        if !digits.iter().zip(FORM).all(fits) {
            return Err(NotATime);
        }
        let number = |from: usize, to: usize| {
            digits.iter().take(to).skip(from).fold(0_i32, |number, digit| number * 10 + i32::from(digit - b'0'))
        };
        let part = |from| i8::try_from(number(from, from + 2)).map_err(|_| NotATime);
        // Two plain bounds, so that a reader in any language can have the same.
        let year = i16::try_from(number(0, 4)).ok().filter(|year| (1970..=9998).contains(year)).ok_or(NotATime)?;
        let (month, day, hour, minute, second) = (part(5)?, part(8)?, part(11)?, part(14)?, part(17)?);
        let nanos = number(20, 26) * 1_000;
        let civil = DateTime::new(year, month, day, hour, minute, second, nanos).map_err(|_| NotATime)?;
        let stamp = Offset::UTC.to_timestamp(civil).map_err(|_| NotATime)?;
        Ok(Self(stamp.as_microsecond()))
    }
}

/// The one text form, with a zero for every digit.
const FORM: &[u8; 27] = b"0000-00-00T00:00:00.000000Z";

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// From whole seconds; saturates.
    #[must_use]
    pub const fn from_seconds(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// From whole milliseconds; saturates.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// From whole microseconds.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Whole microseconds.
    #[must_use]
    pub const fn micros(self) -> u64 {
        self.0
    }

    /// Reads a length of time as people write it: a whole number without leading zero, then `s`,
    /// `m` or `h`.
    ///
    /// # Errors
    /// [`NotASpan`] for every other text, zero and more than six digits among them.
    pub fn parse(text: &str) -> Result<Self, NotASpan> {
        let unit = match text.bytes().last() {
            Some(b's') => 1,
            Some(b'm') => 60,
            Some(b'h') => 3_600,
            _ => return Err(NotASpan),
        };
        let digits = text.get(..text.len() - 1).unwrap_or_default();
        let plain = (1..=6).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        if !plain || digits.starts_with('0') {
            return Err(NotASpan);
        }
        let number: u64 = digits.parse().map_err(|_| NotASpan)?;
        Ok(Self::from_seconds(number * unit))
    }

    /// Whole seconds, rounded down.
    #[must_use]
    pub const fn seconds(self) -> u64 {
        self.0 / 1_000_000
    }

    /// As the standard library's duration.
    #[must_use]
    pub const fn to_std(self) -> std::time::Duration {
        std::time::Duration::from_micros(self.0)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(stamp) = jiff::Timestamp::from_microsecond(self.0) else { return write!(f, "invalid({})", self.0) };
        let civil = Offset::UTC.to_datetime(stamp);
        if civil.year() < 0 {
            return write!(f, "{stamp:.6}");
        }
        let mut text = *FORM;
        let mut put = |last: usize, mut number: u32| {
            for place in text.iter_mut().take(last + 1).rev().take_while(|place| place.is_ascii_digit()) {
                *place = b'0' + (number % 10) as u8;
                number /= 10;
            }
        };
        put(3, civil.year().unsigned_abs().into());
        for (last, part) in
            [(6, civil.month()), (9, civil.day()), (12, civil.hour()), (15, civil.minute()), (18, civil.second())]
        {
            put(last, part.unsigned_abs().into());
        }
        put(25, civil.subsec_nanosecond().unsigned_abs() / 1_000);
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.seconds(), self.0) {
            (_, 0) => write!(f, "0s"),
            (s, _) if s >= 3600 && s % 3600 == 0 => write!(f, "{}h", s / 3600),
            (s, _) if s >= 60 && s % 60 == 0 => write!(f, "{}m", s / 60),
            (s, micros) if micros % 1_000_000 == 0 => write!(f, "{s}s"),
            (_, micros) => write!(f, "{}ms", micros / 1_000),
        }
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

text_form!(Time);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_instant_has_one_spelling() {
        let text = "2026-11-21T10:14:51.000001Z";
        assert_eq!(Time::parse(text).unwrap().to_string(), text);
        for other in ["2026-11-21T10:14:51Z", "2026-11-21T10:14:51.000001+00:00", "2026-11-21t10:14:51.000001z", ""] {
            assert_eq!(Time::parse(other), Err(NotATime), "{other}");
        }
    }

    #[test]
    fn times_lie_in_the_years_1970_to_9998() {
        for edge in ["1970-01-01T00:00:00.000000Z", "9998-12-31T23:59:59.999999Z"] {
            assert_eq!(Time::parse(edge).unwrap().to_string(), edge);
        }
        for beyond in [
            "1969-12-31T23:59:59.999999Z",
            "9999-01-01T00:00:00.000000Z",
            "-000001-01-01T00:00:00.000000Z",
            "2026-12-31T23:59:60.000000Z",
        ] {
            assert_eq!(Time::parse(beyond), Err(NotATime), "{beyond}");
        }
    }

    #[test]
    fn what_is_no_instant_is_refused() {
        for wrong in [
            "2026-02-29T00:00:00.000000Z",
            "2026-13-01T00:00:00.000000Z",
            "2026-00-01T00:00:00.000000Z",
            "2026-01-01T24:00:00.000000Z",
            "2026-01-01T00:60:00.000000Z",
            "2026-06-30T23:59:60.000000Z",
            "2026-01-01 00:00:00.000000Z",
            "2026-01-01T00:00:00,000000Z",
            "-026-01-01T00:00:00.000000Z",
            "2026-01-01T00:00:00.00000\u{e9}",
            "2026-01-01T00:00:00.0000000Z",
        ] {
            assert_eq!(Time::parse(wrong), Err(NotATime), "{wrong}");
        }
    }

    proptest::proptest! {
        #[test]
        fn the_text_is_that_of_the_library(micros in 0_i64..253_370_764_800_000_000) {
            let text = format!("{:.6}", jiff::Timestamp::from_microsecond(micros).unwrap());
            proptest::prop_assert_eq!(Time(micros).to_string(), text.clone());
            proptest::prop_assert_eq!(Time::parse(&text), Ok(Time(micros)));
        }
    }

    #[test]
    fn spans_are_read_as_they_are_written() {
        for text in ["1s", "90s", "20m", "24h", "999999s"] {
            assert_eq!(Span::parse(text).unwrap().to_string(), text);
        }
        for bad in ["", "s", "0s", "05m", "1", "1d", "-1s", "+1s", "1.5h", "1m30s", " 1s", "1000000s", "1\u{fc}"] {
            assert_eq!(Span::parse(bad), Err(NotASpan), "{bad}");
        }
    }

    #[test]
    fn spans_never_run_backwards() {
        let (a, b) = (Time::from_unix_seconds(5), Time::from_unix_seconds(9));
        assert_eq!(b.since(a), Span::from_seconds(4));
        assert_eq!(a.since(b), Span::ZERO);
        assert_eq!(a.plus(Span::from_seconds(4)), b);
    }
}
