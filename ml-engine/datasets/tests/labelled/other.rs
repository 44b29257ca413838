//! Numbers and addresses that only look like someone's: wrong check digits, ranges that were never given out, parts of longer numbers,
//! and what programs, books and logs are full of.

use super::{
	draw::{grouped, Draw, CAPITALS, HEXADECIMAL},
	people::{self, printed},
};

/// A number with another last digit.
fn with_wrong_digit(draw: &mut Draw, number: &str) -> String {
	let mut signs: Vec<char> = number.chars().collect();
	if let Some(last) = signs.last_mut() {
		*last = draw.other_digit(*last);
	}
	signs.into_iter().collect()
}

/// A letter of an alphabet that is not this one.
fn other_letter(draw: &mut Draw, alphabet: &str, letter: char) -> char {
	let others: Vec<char> = alphabet.chars().filter(|other| *other != letter).collect();
	others[draw.below(others.len())]
}

/// A number with another last letter.
fn with_wrong_letter(draw: &mut Draw, number: &str) -> String {
	let mut signs: Vec<char> = number.chars().collect();
	if let Some(last) = signs.last_mut() {
		*last = other_letter(draw, CAPITALS, *last);
	}
	signs.into_iter().collect()
}

pub fn no_email(draw: &mut Draw, index: usize) -> String {
	let (account, host, version) = (people::account(draw), people::host(draw), draw.version());
	match index % 11 {
		0 => format!("git@{host}:{account}/tools.git"),
		1 => format!("{}@{host}", draw.of(&["noreply", "no-reply", "donotreply"])),
		2 => format!("{account}@{}x.{}", draw.between(2, 3), draw.of(&["png", "jpg", "webp", "avif"])),
		3 => format!("left-pad@{version}"),
		4 => format!("@types/{account}@{version}"),
		5 => format!("postgres://{account}:Pa55word{}@{host}:5432/app", draw.below(99)),
		6 => format!(
			"q@k.{}({}, {})",
			draw.of(&["transpose", "reshape", "mean"]),
			draw.below(4),
			draw.below(9)
		),
		7 => format!("this@Screen{}.{}", draw.below(99), draw.of(&["binding", "context", "model"])),
		8 => format!("{account}@unit{}.service", draw.below(99)),
		9 => format!("@property{}.setter", draw.below(99)),
		_ => format!("{account}@localhost"),
	}
}

pub fn no_phone(draw: &mut Draw, index: usize) -> String {
	let (three, four) = (draw.digits(3), draw.digits(4));
	let (day, month, year) = (draw.between(1, 28), draw.between(1, 12), draw.between(1970, 2030));
	match index % 11 {
		0 => format!("+{}.{}", draw.between(20, 89), draw.digits(13)),
		1 => format!("a+{}", draw.digits(11)),
		2 => format!("call at 17{}", draw.digits(8)),
		3 => format!("call of {day:02}/{month:02}/{year}"),
		4 => format!("the call took 0.{} seconds", draw.digits(7)),
		5 => format!("{}11-{three}-{four}", draw.between(2, 9)),
		6 => format!("(0{}) {three}-{four}", draw.digits(2)),
		7 => format!("1{}-{three}-{four}", draw.digits(2)),
		8 => format!("+0{}", draw.digits(10)),
		9 => format!("part_{three}-{three}-{four}"),
		_ => format!("{year}-{month:02}-{day:02}T09:30:15+0{}:00", draw.below(9)),
	}
}

pub fn no_iban(draw: &mut Draw, index: usize) -> String {
	let number = people::iban(draw, index).replace(' ', "");
	match index % 5 {
		0 => with_wrong_digit(draw, &number),
		1 => people::spaced(&with_wrong_digit(draw, &number)),
		2 => format!("XX{}", &number[2..]),
		3 => number[..number.len() - 1].to_string(),
		_ => format!("part_{number}_{}", draw.below(10)),
	}
}

pub fn no_payment(draw: &mut Draw, index: usize) -> String {
	let number = people::issued(draw);
	match index % 8 {
		0..=2 => printed(&with_wrong_digit(draw, &number), index),
		// The sum is right, and no issuer begins so.
		3 => {
			let body = format!("{}{}", draw.of(&["1", "7", "8", "9", "0"]), draw.digits(14));
			format!("{body}{}", people::luhn_digit(&body))
		}
		4 => format!("/files/{number}/view"),
		5 => format!("0.{number}"),
		6 => format!("row_{number}_{}", draw.below(10)),
		// A row of a table.
		_ => {
			(0..9).map(|_| format!("{}{}", draw.between(1, 9), draw.digits(3))).collect::<Vec<_>>().join(" ")
		}
	}
}

pub fn no_social_security(draw: &mut Draw, index: usize) -> String {
	let (two, four) = (draw.between(1, 99), draw.between(1, 9_999));
	let area = draw.between(100, 650);
	match index % 7 {
		0 => format!("000-{two:02}-{four:04}"),
		1 => format!("666-{two:02}-{four:04}"),
		2 => format!("9{:02}-{two:02}-{four:04}", draw.below(100)),
		3 => format!("{area}-00-{four:04}"),
		4 => format!("{area}-{two:02}-0000"),
		5 => format!("{area}-{two:02}-{four:04}-{}", draw.below(100)),
		_ => format!("item/{area}-{two:02}-{four:04}"),
	}
}

pub fn no_german_tax_id(draw: &mut Draw, index: usize) -> String {
	let body = people::german_body(draw);
	let number = match index % 3 {
		// Two digits that come twice.
		0 => {
			let pair = draw.digits(1).repeat(2);
			let body = format!("12{pair}{pair}12{}", draw.digits(2));
			format!("{body}{}", people::german_check(&body))
		}
		_ => {
			let right = format!("{body}{}", people::german_check(&body));
			with_wrong_digit(draw, &right)
		}
	};
	match index % 2 {
		0 => number,
		_ => grouped(&number, &[2, 3, 3, 3], " "),
	}
}

pub fn no_cpf(draw: &mut Draw, index: usize) -> String {
	let body = format!("1{}", draw.digits(8));
	let right = format!("{body}{}", people::cpf_check(&body));
	let printed = |number: &str| format!("{}-{}", grouped(&number[..9], &[3, 3, 3], "."), &number[9..]);
	match index % 4 {
		0 => printed(&with_wrong_digit(draw, &right)),
		1 => format!("cpf: {}", with_wrong_digit(draw, &right)),
		2 => printed(&draw.digits(1).repeat(11)),
		_ => format!("{}.", printed(&right).replace('-', "_")),
	}
}

pub fn no_dni(draw: &mut Draw, index: usize) -> String {
	let right = people::dni(draw, index);
	match index % 4 {
		0 | 1 => with_wrong_letter(draw, &right),
		2 => right[1..].to_string(),
		_ => format!("part-{right}"),
	}
}

pub fn no_nir(draw: &mut Draw, index: usize) -> String {
	let (sex, month) = (draw.between(1, 2), draw.between(1, 12));
	let number = match index % 3 {
		0 => people::nir_of(draw, 7, month),
		1 => people::nir_of(draw, sex, 15),
		_ => {
			let right = people::nir_of(draw, sex, month);
			with_wrong_digit(draw, &right)
		}
	};
	match index % 2 {
		0 => number,
		_ => grouped(&number, &[1, 2, 2, 2, 3, 3, 2], " "),
	}
}

pub fn no_fiscal_code(draw: &mut Draw, index: usize) -> String {
	let right = people::fiscal_code(draw, index);
	match index % 3 {
		0 => with_wrong_letter(draw, &right),
		1 => right[..15].to_string(),
		_ => right.to_lowercase(),
	}
}

pub fn no_resident(draw: &mut Draw, index: usize) -> String {
	let month = draw.between(1, 12);
	let body = people::resident_body(draw, month);
	match index % 3 {
		0 => {
			let check = people::resident_check(&body);
			format!("{body}{}", other_letter(draw, "0123456789X", check))
		}
		1 => {
			let body = people::resident_body(draw, 13);
			format!("{body}{}", people::resident_check(&body))
		}
		_ => body,
	}
}

pub fn no_aadhaar(draw: &mut Draw, index: usize) -> String {
	let number = people::aadhaar_number(draw);
	match index % 5 {
		0 => grouped(&with_wrong_digit(draw, &number), &[4, 4, 4], " "),
		1 => format!("Aadhaar no. {}", with_wrong_digit(draw, &number)),
		2 => {
			let body = format!("1{}", draw.digits(10));
			grouped(&format!("{body}{}", people::verhoeff_digit(&body)), &[4, 4, 4], "-")
		}
		// Without its name a number of twelve digits is anything.
		3 => number,
		_ => {
			let year = draw.between(1950, 2020);
			(0..draw.between(3, 8)).map(|step| (year + step).to_string()).collect::<Vec<_>>().join(" ")
		}
	}
}

pub fn no_nhs(draw: &mut Draw, index: usize) -> String {
	let number = people::nhs_number(draw);
	match index % 3 {
		0 => format!("NHS number {}", with_wrong_digit(draw, &number)),
		1 => number,
		_ => grouped(&number, &[3, 3, 4], " "),
	}
}

pub fn no_ip(draw: &mut Draw, index: usize) -> String {
	let address = people::address(draw);
	let (c, d) = (draw.below(256), draw.below(256));
	match index % 9 {
		0 => format!("client 10.{}.{c}.{d}", draw.below(256)),
		1 => format!("login from 192.168.{c}.{d}"),
		2 => format!("host 203.0.113.{d}"),
		3 => format!("upgrade from {address}"),
		4 => format!("from version {}.{}.{c}.{d}", draw.between(1, 30), draw.below(30)),
		5 => format!("the clauses from section {}.{}.{}.{}", draw.between(1, 9), c % 20, d % 20, c % 7),
		6 => format!("client 1.3.6.1.4.1.{c}.{d}"),
		7 => format!("host {}.{c}.{d}.1", draw.between(256, 999)),
		_ => address,
	}
}

/// Numbers without a person, as logs, tables and books have them.
pub fn number(draw: &mut Draw, index: usize) -> String {
	let (length, choice) = (draw.between(6, 19), draw.below(3));
	match index % 12 {
		0 => draw.digits(length),
		1 => draw.text(HEXADECIMAL, [32, 40, 64][choice]),
		2 => format!("v{}-rc.{}", draw.version(), draw.below(9)),
		3 => format!("{}.{}", draw.version(), draw.below(99)),
		4 => format!("978-{}-{}-{}-{}", draw.below(9), draw.digits(2), draw.digits(6), draw.below(9)),
		5 => format!("1{}", draw.digits(9 + 3 * choice)),
		6 => format!("{}.{}", draw.below(180), draw.digits(13)),
		7 => format!("{}.{}E-{}", draw.between(1, 9), draw.digits(16), draw.below(30)),
		8 => [8, 4, 4, 4, 12].map(|length| draw.text(HEXADECIMAL, length)).join("-"),
		9 => format!("{}{}-{}", draw.text(CAPITALS, 2), draw.digits(10), draw.digits(2)),
		10 => (0..6).map(|_| draw.text(HEXADECIMAL, 2)).collect::<Vec<_>>().join(":"),
		_ => format!("0x{}", draw.text(HEXADECIMAL, 16)),
	}
}
