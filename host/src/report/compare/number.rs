//! Numbers as comparisons show them: as many digits as the eye compares, whatever their size.

/// Three digits or four; thousands in groups.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    let decimals = match size {
        _ if size >= 1000.0 || size.fract() == 0.0 => 0,
        _ if size >= 100.0 => 1,
        _ if size >= 1.0 => 2,
        _ if size >= 0.1 => 3,
        // Below a nanosecond there is nothing to tell apart.
        _ => ((2.0 - size.log10().floor()) as usize).min(9),
    };
    let text = format!("{value:.decimals$}");
    let (digits, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let (sign, digits) = digits.split_at(usize::from(digits.starts_with('-')));
    let mut grouped = String::from(sign);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + rest
}

/// A share as a change in per cent, with its sign.
pub(super) fn percent(share: f64) -> String {
    if share.is_infinite() {
        return if share > 0.0 { "+∞%" } else { "-∞%" }.to_owned();
    }
    let percent = share * 100.0;
    let decimals = if percent.abs() < 9.95 { 1 } else { 0 };
    format!("{percent:+.decimals$}%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_digits_that_matter() {
        let check = |value, expected: &str| assert_eq!(number(value), expected);
        check(0.0, "0");
        check(20.0, "20");
        check(0.012_34, "0.0123");
        check(0.412_3, "0.412");
        check(0.004_016, "0.00402");
        check(1e-30, "0.000000000");
        check(9.357, "9.36");
        check(167.38, "167.4");
        check(1_234_567.8, "1,234,568");
        check(-1234.0, "-1,234");
        check(-0.05, "-0.0500");
    }

    #[test]
    fn changes_have_a_sign() {
        let check = |share, expected: &str| assert_eq!(percent(share), expected);
        check(1.72, "+172%");
        check(-0.77, "-77%");
        check(0.0, "+0.0%");
        check(0.051, "+5.1%");
        check(f64::INFINITY, "+∞%");
    }
}
