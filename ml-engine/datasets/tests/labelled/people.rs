//! Numbers and addresses that are someone's: right forms with right check digits. Rules: the pages of those who give them out.

use super::draw::{grouped, values, Draw, CAPITALS};

const NAMES: [&str; 12] = [
	"jane",
	"omar",
	"li",
	"katarina",
	"jose",
	"ngozi",
	"ole",
	"priya",
	"tom",
	"aiko",
	"pavel",
	"marie-claire",
];
const FAMILIES: [&str; 10] =
	["doe", "haddad", "wang", "novak", "garcia", "okafor", "hansen", "sharma", "obrien", "sato"];
const HOSTS: [&str; 10] =
	["mail", "example", "posteo", "uni-koeln", "firm24", "river", "a1", "north-east", "web", "city"];
const ENDINGS: [&str; 12] =
	["com", "org", "net", "de", "co.uk", "io", "fr", "museum", "edu", "com.br", "jp", "info"];

/// Name of a person as it stands in an address.
pub fn account(draw: &mut Draw) -> String {
	let (name, family) = (draw.of(&NAMES), draw.of(&FAMILIES));
	match draw.below(6) {
		0 => name.to_string(),
		1 => format!("{name}.{family}"),
		2 => format!("{name}_{family}"),
		3 => format!("{family}{}", draw.below(100)),
		4 => format!("{name}.{family}+news"),
		_ => format!("{}{family}", name.chars().next().unwrap_or('x')),
	}
}

/// Name of a host.
pub fn host(draw: &mut Draw) -> String {
	format!("{}.{}", draw.of(&HOSTS), draw.of(&ENDINGS))
}

pub fn email(draw: &mut Draw, index: usize) -> String {
	let address = format!("{}@{}", account(draw), host(draw));
	match index % 6 {
		0 => format!("<{address}>"),
		1 => format!("mailto:{address}"),
		2 => address.to_uppercase(),
		3 => format!("{address};"),
		_ => address,
	}
}

pub fn phone(draw: &mut Draw, index: usize) -> String {
	let mut code = || format!("{}{}", draw.between(2, 9), draw.between(20, 98));
	let (area, exchange) = (code(), code());
	let line = draw.digits(4);
	let seven = draw.digits(7);
	match index % 10 {
		0 => format!("({area}) {exchange}-{line}"),
		1 => format!("{area}-{exchange}-{line}"),
		2 => format!("+1 {area}-{exchange}-{line}"),
		3 => format!("+1{area}{exchange}{line}"),
		4 => format!("+49 {} {seven}", draw.of(&["30", "40", "89", "171", "151"])),
		5 => format!("+44 20 {} {}", draw.digits(4), draw.digits(4)),
		6 => format!("+33 {}", grouped(&format!("6{}", draw.digits(8)), &[1, 2, 2, 2, 2], " ")),
		7 => format!("+91{}{}", draw.between(6, 9), draw.digits(9)),
		8 => format!("tel. 0{}/{seven}", draw.between(30, 99)),
		_ => format!("phone: {area}{exchange}{line}"),
	}
}

/// Remainder of a number with letters by 97, as IBANs have it.
fn by_97(text: &str) -> u32 {
	text.chars().filter_map(|sign| sign.to_digit(36)).fold(0, |rest, value| match value {
		0..=9 => (rest * 10 + value) % 97,
		_ => (rest * 100 + value) % 97,
	})
}

pub fn iban(draw: &mut Draw, index: usize) -> String {
	let (country, letters, digits) = [
		("DE", 0, 18),
		("GB", 4, 14),
		("NL", 4, 10),
		("ES", 0, 20),
		("FR", 0, 23),
		("CH", 0, 17),
		("PL", 0, 24),
		("AT", 0, 16),
		("BE", 0, 12),
		("SE", 0, 20),
	][(index / 2) % 10];
	let account = draw.text(CAPITALS, letters) + &draw.digits(digits);
	let check = 98 - by_97(&format!("{account}{country}00"));
	let number = format!("{country}{check:02}{account}");
	match index % 3 {
		0 => number,
		_ => spaced(&number),
	}
}

/// A number in groups of four.
pub fn spaced(number: &str) -> String {
	let signs: Vec<char> = number.chars().collect();
	signs.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}

/// The digit that makes Luhn's sum a multiple of ten.
pub fn luhn_digit(body: &str) -> u32 {
	let doubled = |(index, digit): (usize, u32)| match index % 2 {
		0 => digit * 2 / 10 + digit * 2 % 10,
		_ => digit,
	};
	let sum: u32 = values(body).into_iter().rev().enumerate().map(doubled).sum();
	(10 - sum % 10) % 10
}

/// A payment number of an issuer, without separators.
pub fn issued(draw: &mut Draw) -> String {
	let (first, length) = [
		("4", 16),
		("4", 13),
		("4", 19),
		("51", 16),
		("55", 16),
		("2221", 16),
		("2719", 16),
		("34", 15),
		("37", 15),
		("6011", 16),
		("65", 16),
		("3528", 16),
		("3589", 16),
		("305", 14),
		("38", 14),
		("62", 16),
	][draw.below(16)];
	let body = format!("{first}{}", draw.digits(length - first.len() - 1));
	format!("{body}{}", luhn_digit(&body))
}

/// A payment number as it is printed.
pub fn printed(number: &str, index: usize) -> String {
	let separator = [" ", "-", ""][index % 3];
	match number.len() {
		16 => grouped(number, &[4, 4, 4, 4], separator),
		15 => grouped(number, &[4, 6, 5], separator),
		14 => grouped(number, &[4, 6, 4], separator),
		19 => grouped(number, &[4, 4, 4, 4, 3], separator),
		_ => number.to_string(),
	}
}

pub fn payment(draw: &mut Draw, index: usize) -> String {
	printed(&issued(draw), index)
}

pub fn social_security(draw: &mut Draw, _index: usize) -> String {
	let area = match draw.between(1, 899) {
		// Never given out, and parts of numbers of advertisements.
		666 | 78 | 123 | 219 => 536,
		area => area,
	};
	format!("{area:03}-{:02}-{:04}", draw.between(1, 99), draw.between(1, 9_999))
}

/// ISO 7064 mod 11-10.
pub fn german_check(body: &str) -> u32 {
	let product = values(body).into_iter().fold(10, |product, digit| match (digit + product) % 10 {
		0 => 20 % 11,
		sum => sum * 2 % 11,
	});
	(11 - product) % 10
}

/// Ten digits of which one comes twice.
pub fn german_body(draw: &mut Draw) -> String {
	let mut digits: Vec<char> = ('0'..='9').collect();
	for at in (1..10).rev() {
		digits.swap(at, draw.below(at + 1));
	}
	if digits[0] == '0' {
		digits.swap(0, 5);
	}
	// The copy takes the place of another, and not the one beside it.
	let from = draw.below(8);
	digits[from + 2] = digits[from];
	digits.into_iter().collect()
}

pub fn german_tax_id(draw: &mut Draw, index: usize) -> String {
	let body = german_body(draw);
	let number = format!("{body}{}", german_check(&body));
	match index % 2 {
		0 => number,
		_ => grouped(&number, &[2, 3, 3, 3], " "),
	}
}

/// Both check digits of a CPF.
pub fn cpf_check(body: &str) -> String {
	let digit = |digits: &[u32]| {
		let weights = (2..).take(digits.len());
		let sum: u32 = digits.iter().rev().zip(weights).map(|(digit, weight)| digit * weight).sum();
		match sum % 11 {
			0 | 1 => 0,
			rest => 11 - rest,
		}
	};
	let mut digits = values(body);
	let first = digit(&digits);
	digits.push(first);
	format!("{first}{}", digit(&digits))
}

pub fn cpf(draw: &mut Draw, index: usize) -> String {
	let body = format!("1{}", draw.digits(8));
	let number = format!("{body}{}", cpf_check(&body));
	match index % 3 {
		0 => format!("cpf: {number}"),
		_ => format!("{}-{}", grouped(&number[..9], &[3, 3, 3], "."), &number[9..]),
	}
}

/// The letters of Spanish numbers, by the remainder of 23.
pub const SPANISH: &str = "TRWAGMYFPDXBNJZSQVHLCKE";

pub fn dni(draw: &mut Draw, index: usize) -> String {
	let letter = |number: &str| {
		let value: usize = number.parse().unwrap_or_default();
		&SPANISH[value % 23..value % 23 + 1]
	};
	match index % 3 {
		0 => {
			let (first, digits) = (draw.below(3), draw.digits(7));
			format!("{}{digits}{}", ["X", "Y", "Z"][first], letter(&format!("{first}{digits}")))
		}
		_ => {
			let digits = draw.digits(8);
			format!("{digits}{}", letter(&digits))
		}
	}
}

/// A French number: sex, year, month, and the rest with its key.
pub fn nir_of(draw: &mut Draw, sex: usize, month: usize) -> String {
	let body = format!(
		"{sex}{}{month:02}{:02}{:03}{:03}",
		draw.digits(2),
		draw.between(1, 95),
		draw.between(1, 989),
		draw.between(1, 999)
	);
	let key = 97 - values(&body).into_iter().fold(0, |rest, digit| (rest * 10 + digit) % 97);
	format!("{body}{key:02}")
}

pub fn nir(draw: &mut Draw, index: usize) -> String {
	let (sex, month) = (draw.between(1, 2), draw.between(1, 12));
	let number = nir_of(draw, sex, month);
	match index % 2 {
		0 => number,
		_ => grouped(&number, &[1, 2, 2, 2, 3, 3, 2], " "),
	}
}

/// The check letter of an Italian code.
pub fn italian_check(body: &str) -> char {
	// Values of A to Z at odd places; those of 0 to 9 are those of A to J.
	const ODD: &[u8; 26] = b"BAFHJNPRTVCESULDGIMOQKWZYX";
	let sum: usize = body
		.bytes()
		.enumerate()
		.map(|(index, sign)| {
			let value = usize::from(if sign.is_ascii_digit() { sign - b'0' } else { sign - b'A' });
			if index % 2 == 0 {
				usize::from(ODD[value] - b'A')
			} else {
				value
			}
		})
		.sum();
	char::from(b'A' + u8::try_from(sum % 26).unwrap_or_default())
}

pub fn fiscal_code(draw: &mut Draw, _index: usize) -> String {
	let consonants = draw.text("BCDFGLMNPRSTVZ", 6);
	let day = draw.between(1, 28) + 40 * draw.below(2);
	let body = format!(
		"{consonants}{}{}{day:02}{}{}",
		draw.digits(2),
		draw.text("ABCDEHLMPRST", 1),
		draw.text("ABCDEFGHIL", 1),
		draw.digits(3)
	);
	format!("{body}{}", italian_check(&body))
}

/// ISO 7064 mod 11-2 over 17 digits, by the table of weights.
pub fn resident_check(body: &str) -> char {
	const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
	let sum: u32 = values(body).into_iter().zip(WEIGHTS).map(|(digit, weight)| digit * weight).sum();
	['1', '0', 'X', '9', '8', '7', '6', '5', '4', '3', '2'][(sum % 11) as usize]
}

/// Region, date of birth and serial number.
pub fn resident_body(draw: &mut Draw, month: usize) -> String {
	let regions = ["110101", "310104", "440305", "510107", "330106", "420106", "610102", "120103"];
	let (year, day) = (draw.between(1940, 2010), draw.between(1, 28));
	format!("{}{year}{month:02}{day:02}{}", draw.of(&regions), draw.digits(3))
}

pub fn resident(draw: &mut Draw, _index: usize) -> String {
	let month = draw.between(1, 12);
	let body = resident_body(draw, month);
	format!("{body}{}", resident_check(&body))
}

/// The digit by which Verhoeff's sum over a number is zero: permutations by powers of one of them, products of the dihedral group
/// by rotations and reflections of a pentagon.
pub fn verhoeff_digit(body: &str) -> u32 {
	const ONCE: [u32; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
	let permuted = |times: usize, digit: u32| (0..times % 8).fold(digit, |digit, _| ONCE[digit as usize]);
	let product = |a: u32, b: u32| {
		let (turn, other) = (a % 5, b % 5);
		let turned = if a < 5 { turn + other } else { turn + 5 - other };
		turned % 5 + 5 * u32::from((a < 5) != (b < 5))
	};
	let sum = |number: &str| {
		let digits = values(number).into_iter().rev().enumerate();
		digits.fold(0, |sum, (index, digit)| product(sum, permuted(index, digit)))
	};
	(0..10).find(|digit| sum(&format!("{body}{digit}")) == 0).unwrap_or_default()
}

pub fn aadhaar_number(draw: &mut Draw) -> String {
	let body = format!("{}{}", draw.between(2, 9), draw.digits(10));
	format!("{body}{}", verhoeff_digit(&body))
}

pub fn aadhaar(draw: &mut Draw, index: usize) -> String {
	let number = aadhaar_number(draw);
	match index % 3 {
		0 => format!("Aadhaar no. {number}"),
		1 => grouped(&number, &[4, 4, 4], "-"),
		_ => grouped(&number, &[4, 4, 4], " "),
	}
}

/// A number of ten digits whose sum by the weights 10 to 1 is a multiple of eleven.
pub fn nhs_number(draw: &mut Draw) -> String {
	loop {
		let body = format!("4{}", draw.digits(8));
		let weights = (2..=10).rev();
		let sum: u32 = values(&body).into_iter().zip(weights).map(|(digit, weight)| digit * weight).sum();
		let check = (11 - sum % 11) % 11;
		if check < 10 {
			return format!("{body}{check}");
		}
	}
}

pub fn nhs(draw: &mut Draw, index: usize) -> String {
	let number = nhs_number(draw);
	let name = draw.of(&["NHS number", "NHS no.", "nhs:"]);
	match index % 2 {
		0 => format!("{name} {number}"),
		_ => format!("{name} {}", grouped(&number, &[3, 3, 4], " ")),
	}
}

/// A public address.
pub fn address(draw: &mut Draw) -> String {
	let first = [31, 45, 66, 78, 91, 104, 151, 185, 194, 212][draw.below(10)];
	format!("{first}.{}.{}.{}", draw.below(256), draw.below(256), draw.below(256))
}

pub fn ip(draw: &mut Draw, _index: usize) -> String {
	let name = draw.of(&["login from", "client:", "remote addr", "IP", "visitor", "host"]);
	format!("{name} {}", address(draw))
}
