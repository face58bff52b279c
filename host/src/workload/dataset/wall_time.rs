//! Dates as traces write them, to nanoseconds since 1970.

use crate::units::Span;

/// `YYYY-MM-DD HH:MM:SS[.fraction][Z|±HH:MM]`, with a space or a `T`; UTC where it does not say. `None` where it is no such
/// date, or one before 1970.
pub(super) fn wall_time(text: &str) -> Option<Span> {
    let (date, time) = text.split_once([' ', 'T'])?;
    let (time, offset_s) = zone(time)?;
    let [year, month, day] = numbers(date, '-')?;
    let (clock, fraction) = time.split_once('.').unwrap_or((time, ""));
    let [hour, minute, second] = numbers(clock, ':')?;
    let valid = (1970..=2200).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !valid {
        return None;
    }
    let seconds = days_since_1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset_s;
    Some(Span(u64::try_from(seconds).ok()?.checked_mul(1_000_000_000)? + nanos(fraction)?))
}

/// The time without its zone, and the zone's seconds east of UTC.
fn zone(time: &str) -> Option<(&str, i64)> {
    if let Some(time) = time.strip_suffix('Z') {
        return Some((time, 0));
    }
    let Some(at) = time.find(['+', '-']) else { return Some((time, 0)) };
    let (time, zone) = time.split_at(at);
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = zone[1..].split_once(':')?;
    Some((time, sign * (hours.parse::<i64>().ok()? * 3600 + minutes.parse::<i64>().ok()? * 60)))
}

fn numbers(text: &str, between: char) -> Option<[i64; 3]> {
    let mut parts = text.split(between).map(|part| {
        let digits = !part.is_empty() && part.len() <= 4 && part.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| part.parse().ok()).flatten()
    });
    let numbers = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(numbers)
}

fn nanos(fraction: &str) -> Option<u64> {
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let nine: String = fraction.chars().chain(std::iter::repeat('0')).take(9).collect();
    nine.parse().ok()
}

/// Days of the Gregorian calendar; Howard Hinnant's `days_from_civil`.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    // A year that begins in March has its leap day at the end.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year - era * 400;
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_nanoseconds_since_1970() {
        let check = |text: &str, expected: Option<u64>| {
            assert_eq!(wall_time(text).map(|span| span.0), expected, "{text}");
        };
        check("1970-01-01 00:00:00", Some(0));
        check("2023-11-16 18:17:03.9799600", Some(1_700_158_623_979_960_000));
        check("2024-02-29T00:00:00.5Z", Some(1_709_164_800_500_000_000));
        check("2024-05-10 00:00:00.009930+00:00", Some(1_715_299_200_009_930_000));
        check("2024-05-10 02:00:00+02:00", Some(1_715_299_200_000_000_000));
        for none in
            ["", "2024-05-10", "2024-13-10 00:00:00", "yesterday 10:00:00", "2024-05-10 00:00:00.x", "5.5"]
        {
            check(none, None);
        }
    }
}
