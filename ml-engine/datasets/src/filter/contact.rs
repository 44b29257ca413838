//! Addresses by which a person can be reached: e-mail, telephone, a machine on the internet.

use super::scan::{Found, Scan};
use crate::Finding;

/// Endings of file names and units behind an `@`, which are no domains.
const NOT_DOMAINS: [&[u8]; 18] = [
	b"png", b"jpg", b"jpeg", b"gif", b"svg", b"webp", b"avif", b"ico", b"js", b"ts", b"mjs", b"css", b"html",
	b"service", b"target", b"timer", b"socket", b"json",
];
/// Names in front of an `@` behind which stands a program, and the words of Kotlin that have one behind them.
const NOT_PEOPLE: [&[u8]; 7] =
	[b"git", b"noreply", b"no-reply", b"donotreply", b"do-not-reply", b"this", b"super"];

/// Endings of domains that are no names of methods: a bracket behind one begins a remark, and no arguments.
const COMMON_ENDINGS: [&[u8]; 8] = [b"com", b"org", b"net", b"edu", b"gov", b"mil", b"info", b"biz"];
/// Methods of tensors that are as short as the ending of a country.
const SHORT_METHODS: [&[u8]; 9] = [b"to", b"mm", b"mv", b"eq", b"ne", b"lt", b"le", b"gt", b"ge"];
/// Schemes of addresses of people, and those that are put in front of one by mistake.
const SCHEMES_OF_PEOPLE: [&[u8]; 6] = [b"mailto", b"sip", b"sips", b"xmpp", b"http", b"https"];

/// Reports whether a text has an e-mail address.
pub(super) fn has_email(bytes: &[u8]) -> bool {
	bytes.iter().enumerate().any(|(at, byte)| *byte == b'@' && is_email(bytes, at))
}

fn is_email(bytes: &[u8], at: usize) -> bool {
	let is_local = |byte: &u8| byte.is_ascii_alphanumeric() || b"._%+-".contains(byte);
	let is_domain = |byte: &u8| byte.is_ascii_alphanumeric() || b".-".contains(byte);
	let (before, after) = (bytes.get(..at).unwrap_or_default(), bytes.get(at + 1..).unwrap_or_default());
	let local_length = before.iter().rev().take(65).take_while(|byte| is_local(byte)).count();
	let domain_length = after.iter().take(254).take_while(|byte| is_domain(byte)).count();
	let local = before.get(at - local_length..).unwrap_or_default();
	if is_user_of_url(before.get(..at - local_length).unwrap_or_default()) {
		return false;
	}
	let local = local.strip_prefix(b".").or_else(|| local.strip_prefix(b"-")).unwrap_or(local);
	let mut domain = after.get(..domain_length).unwrap_or_default();
	// The full stop of the sentence.
	while let Some(shorter) = domain.strip_suffix(b".").or_else(|| domain.strip_suffix(b"-")) {
		domain = shorter;
	}
	let labels: Vec<&[u8]> = domain.split(|byte| *byte == b'.').collect();
	let top = labels.last().copied().unwrap_or_default();
	// A product of matrices and a call of one of its methods, as in `q@k.transpose(0, 1)`.
	if after.get(domain_length) == Some(&b'(') && !is_common_ending(top) {
		return false;
	}
	let is_named = labels.len() > 1
		&& labels.iter().all(|label| {
			!label.is_empty() && label.len() < 64 && !label.starts_with(b"-") && !label.ends_with(b"-")
		}) && (2..=24).contains(&top.len())
		&& top.iter().all(u8::is_ascii_alphabetic)
		&& !NOT_DOMAINS.contains(&top.to_ascii_lowercase().as_slice());
	let is_someone = !local.is_empty()
		&& local.len() <= 64
		&& !local.ends_with(b".")
		&& local.iter().any(u8::is_ascii_alphanumeric)
		&& !NOT_PEOPLE.contains(&local.to_ascii_lowercase().as_slice());
	is_named && is_someone
}

/// Reports whether an ending is one that domains have, and no method's name.
fn is_common_ending(top: &[u8]) -> bool {
	let top = top.to_ascii_lowercase();
	let is_country = top.len() == 2 && !SHORT_METHODS.contains(&top.as_slice());
	is_country || COMMON_ENDINGS.contains(&top.as_slice())
}

/// Reports whether what stands before the last word in front of an `@` makes it the user or password of a URL, as in
/// `postgres://user:password@db.example.org`. Without a password, `http://jane@example.org` is an address that was given a scheme.
fn is_user_of_url(before: &[u8]) -> bool {
	let is_of_user = |byte: &u8| byte.is_ascii_alphanumeric() || b"._%+-~!$&*=:".contains(byte);
	let length = before.iter().rev().take(128).take_while(|byte| is_of_user(byte)).count();
	let user = before.get(before.len() - length..).unwrap_or_default();
	let front = before.get(..before.len() - length).unwrap_or_default();
	let Some(scheme) = front.strip_suffix(b"://") else { return false };
	let scheme = scheme.get(scheme.len().saturating_sub(8)..).unwrap_or_default().to_ascii_lowercase();
	user.contains(&b':') || !SCHEMES_OF_PEOPLE.iter().any(|of_people| scheme.ends_with(of_people))
}

/// A public IPv4 address that its text calls one.
///
/// Four numbers with dots are a version as often as an address, so a word in front decides.
pub(super) fn ip_address(scan: &Scan, index: usize) -> Option<Found> {
	/// "Connected from 12.4.1.7": the weakest of them, since versions are upgraded from one to another.
	const FROM: [&str; 1] = ["from"];
	const WORDS: [&str; 9] =
		["ip", "ipv4", "address", "host", "client", "remote", "visitor", "login", "addr"];
	/// "Update from 12.4.1.7", "section 4.2.1.3".
	const OTHERS: [&str; 12] = [
		"version", "release", "upgrade", "upgraded", "update", "updated", "firmware", "build", "driver",
		"section", "clause", "chapter",
	];
	let parts: Option<Vec<u8>> = (index..index + 4)
		.map(|index| {
			std::str::from_utf8(scan.word(index)).ok().filter(|word| !word.starts_with('+'))?.parse().ok()
		})
		.collect();
	let is_dotted = (index..index + 3).all(|index| scan.separator(index) == Some(b'.'));
	let parts = parts.filter(|_| is_dotted && scan.is_alone(index, index + 3))?;
	let is_public = match parts.as_slice() {
		[0 | 10 | 127 | 224..=255, ..]
		| [169, 254, ..]
		| [192, 168, ..]
		| [172, 16..=31, ..]
		| [100, 64..=127, ..] => false,
		// Addresses of documentation (RFC 5737) and of well-known resolvers.
		[192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] | [198, 18 | 19, ..] => false,
		[8, 8, 8, 8] | [8, 8, 4, 4] | [1, 1, 1, 1] | [9, 9, 9, 9] => false,
		_ => true,
	};
	// The word that is closer decides: "updated by client 12.4.1.7", "the client's version 12.4.1.7".
	let is_named = match (scan.named_at(index, &WORDS), scan.named_at(index, &OTHERS)) {
		(Some(word), Some(other)) => word > other,
		(Some(_), None) => true,
		(None, other) => other.is_none() && scan.is_named(index, &FROM),
	};
	(is_public && is_named).then_some((Finding::IpAddress, 4))
}

/// Words that announce a telephone number.
const PHONE_WORDS: [&str; 14] = [
	"tel",
	"telefon",
	"telephone",
	"phone",
	"call",
	"mobile",
	"handy",
	"fax",
	"whatsapp",
	"cell",
	"sms",
	"mobil",
	"telefono",
	"ring",
];

/// A telephone number: international with a plus, North American with its groups, or any that its text calls one.
pub(super) fn phone(scan: &Scan, index: usize) -> Option<Found> {
	let is_international = scan.before(index) == Some(b'+');
	if let Some(words) = north_american(scan, index) {
		return Some((Finding::Phone, words));
	}
	let is_named = scan.is_named(index, &PHONE_WORDS);
	if !is_named && !is_international {
		return None;
	}
	let (digits, words) = dialled(scan, index)?;
	let is_one = match is_international {
		true => {
			is_assigned(&digits)
				&& (8..=15).contains(&digits.len())
				&& (is_named || !is_decimal(scan, index, words))
		}
		// Trunk prefix of most countries, or enough digits of North America. Seconds since 1970 have ten digits, too.
		false => {
			let has_length = match digits.first() {
				Some(b'0') => (7..=12).contains(&digits.len()),
				first => digits.len() == 10 && first != Some(&b'1'),
			};
			has_length
				&& !is_decimal(scan, index, words)
				&& !is_fraction(scan, index)
				&& !is_date(scan, index, words)
		}
	};
	let sign = scan.start(index).saturating_sub(2);
	let is_sum = is_international
		&& scan.bytes.get(sign).is_some_and(u8::is_ascii_alphanumeric)
		&& sign + 2 == scan.start(index);
	(is_one && !is_sum).then_some((Finding::Phone, words))
}

/// Digits of a number as it is dialled, over groups of at most twelve digits with one or two of ` -./()` between.
fn dialled(scan: &Scan, first: usize) -> Option<(Vec<u8>, usize)> {
	let mut digits = Vec::new();
	let mut index = first;
	loop {
		let word = scan.word(index);
		if !word.iter().all(u8::is_ascii_digit) || word.len() > 15 || digits.len() + word.len() > 16 {
			return None;
		}
		digits.extend_from_slice(word);
		index += 1;
		let between =
			scan.bytes.get(scan.start(index - 1) + word.len()..scan.start(index)).unwrap_or_default();
		let goes_on = !between.is_empty()
			&& between.len() <= 2
			&& between.iter().all(|byte| b" -/().".contains(byte))
			&& between != b". "
			&& scan.word(index).first().is_some_and(u8::is_ascii_digit);
		if !goes_on {
			return Some((digits, index - first));
		}
	}
}

/// Reports whether a number in two groups is a decimal fraction, as in `+52.5702100309281`. No fraction begins as `030.901820`.
fn is_decimal(scan: &Scan, first: usize, words: usize) -> bool {
	let whole = scan.word(first);
	let is_prefix = whole.len() > 1 && whole.starts_with(b"0");
	words == 2 && scan.separator(first) == Some(b'.') && !is_prefix
}

/// Reports whether a number stands behind the point of a decimal fraction.
fn is_fraction(scan: &Scan, index: usize) -> bool {
	let before = index.checked_sub(1);
	scan.before(index) == Some(b'.')
		&& before.is_some_and(|before| {
			scan.separator(before) == Some(b'.') && scan.word(before).iter().all(u8::is_ascii_digit)
		})
}

/// Reports whether a number in three groups is a date, as in `05/11/2023`. One that begins with its year does not begin with the
/// zero of a trunk prefix, and is too short for anything else.
fn is_date(scan: &Scan, first: usize, words: usize) -> bool {
	let [day, month, year] = [0, 1, 2].map(|offset| scan.word(first + offset));
	let has_lengths = (day.len(), month.len(), year.len()) == (2, 2, 4);
	words == 3 && has_lengths && (year.starts_with(b"19") || year.starts_with(b"20"))
}

/// `(212) 555-0123`, `212-555-0123`, with codes as the North American plan gives them out.
fn north_american(scan: &Scan, index: usize) -> Option<usize> {
	let (area, exchange, line) = (scan.word(index), scan.word(index + 1), scan.word(index + 2));
	let is_number = [area, exchange, line].iter().all(|word| word.iter().all(u8::is_ascii_digit));
	let has_lengths = (area.len(), exchange.len(), line.len()) == (3, 3, 4);
	if !is_number || !has_lengths || scan.separator(index + 1) != Some(b'-') {
		return None;
	}
	let is_code = |word: &[u8]| word.first().is_some_and(|digit| *digit >= b'2') && !word.ends_with(b"11");
	let between = scan.bytes.get(scan.start(index) + 3..scan.start(index + 1)).unwrap_or_default();
	let is_bracketed = scan.before(index) == Some(b'(') && [b") ".as_slice(), b")"].contains(&between);
	let is_dashed = between == b"-" && scan.is_alone(index, index + 2);
	((is_bracketed || is_dashed) && is_code(area) && is_code(exchange)).then_some(3)
}

/// Reports whether a number begins with a country code that the ITU has assigned (E.164, list of 2016).
fn is_assigned(digits: &[u8]) -> bool {
	const TWO: [&[u8]; 44] = [
		b"20", b"27", b"30", b"31", b"32", b"33", b"34", b"36", b"39", b"40", b"41", b"43", b"44", b"45",
		b"46", b"47", b"48", b"49", b"51", b"52", b"53", b"54", b"55", b"56", b"57", b"58", b"60", b"61",
		b"62", b"63", b"64", b"65", b"66", b"81", b"82", b"84", b"86", b"90", b"91", b"92", b"93", b"94",
		b"95", b"98",
	];
	const THREE: [&[u8]; 10] = [b"21", b"22", b"23", b"24", b"25", b"26", b"29", b"35", b"37", b"38"];
	const MORE: [&[u8]; 8] = [b"42", b"50", b"59", b"67", b"68", b"85", b"96", b"97"];
	let begins = |codes: &[&[u8]]| codes.iter().any(|code| digits.starts_with(code));
	match digits.first() {
		Some(b'1') => digits.len() == 11 && digits.get(1).is_some_and(|digit| *digit >= b'2'),
		Some(b'7') => digits.len() == 11,
		_ => {
			begins(&TWO)
				|| begins(&THREE)
				|| begins(&MORE)
				|| digits.starts_with(b"99")
				|| digits.starts_with(b"88")
		}
	}
}
