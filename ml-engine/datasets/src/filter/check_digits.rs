//! Check digits of numbers that name people and their accounts. Each function takes digits as values 0 to 9.

/// Luhn's sum over payment numbers (ISO/IEC 7812-1, annex B).
pub(super) fn luhn(digits: &[u8]) -> bool {
	let sum: u32 = digits
		.iter()
		.rev()
		.enumerate()
		.map(|(index, digit)| match (index % 2, u32::from(*digit)) {
			(0, digit) => digit,
			(_, digit) if digit > 4 => digit * 2 - 9,
			(_, digit) => digit * 2,
		})
		.sum();
	!digits.is_empty() && sum.is_multiple_of(10)
}

/// ISO 7064 mod 11-10: German tax numbers.
pub(super) fn mod_11_10(digits: &[u8]) -> bool {
	let Some((check, body)) = digits.split_last() else { return false };
	let product = body.iter().fold(10_u32, |product, digit| {
		let sum = (u32::from(*digit) + product) % 10;
		let sum = if sum == 0 { 10 } else { sum };
		(sum * 2) % 11
	});
	(11 - product) % 10 == u32::from(*check)
}

/// ISO 7064 mod 11-2: Chinese resident numbers, whose last digit may be 10, written X.
pub(super) fn mod_11_2(digits: &[u8]) -> bool {
	let Some((check, body)) = digits.split_last() else { return false };
	let sum = body.iter().fold(0_u32, |sum, digit| ((sum + u32::from(*digit)) * 2) % 11);
	(12 - sum) % 11 == u32::from(*check)
}

/// Remainder of a number of many digits.
pub(super) fn remainder(digits: &[u8], modulus: u32) -> u32 {
	digits.iter().fold(0, |rest, digit| (rest * 10 + u32::from(*digit)) % modulus)
}

/// ISO 7064 mod 97-10 over letters and digits as IBANs have it: the first four characters count last.
pub(super) fn iban(characters: &[u8]) -> bool {
	let rotated = characters.iter().skip(4).chain(characters.iter().take(4));
	let rest = rotated.fold(0_u32, |rest, character| match character {
		b'0'..=b'9' => (rest * 10 + u32::from(character - b'0')) % 97,
		b'A'..=b'Z' => (rest * 100 + u32::from(character - b'A') + 10) % 97,
		_ => 0,
	});
	rest == 1
}

/// Weighted sums mod 11 of Brazilian CPFs: two check digits.
pub(super) fn cpf(digits: &[u8]) -> bool {
	let check = |length: usize| {
		let body = digits.iter().take(length);
		let weights = (2..).take(length).collect::<Vec<u32>>().into_iter().rev();
		let sum: u32 = body.zip(weights).map(|(digit, weight)| u32::from(*digit) * weight).sum();
		(sum * 10) % 11 % 10
	};
	let first = digits.first();
	digits.len() == 11
		&& digits.get(9).is_some_and(|digit| u32::from(*digit) == check(9))
		&& digits.get(10).is_some_and(|digit| u32::from(*digit) == check(10))
		&& !digits.iter().all(|digit| Some(digit) == first)
}

/// Weighted sum mod 11 of British NHS numbers.
pub(super) fn nhs(digits: &[u8]) -> bool {
	let sum: u32 =
		digits.iter().take(9).zip((2..=10).rev()).map(|(digit, weight)| u32::from(*digit) * weight).sum();
	digits.len() == 10 && digits.get(9).is_some_and(|check| u32::from(*check) == (11 - sum % 11) % 11)
}

/// Verhoeff's sum over the dihedral group of ten elements: Indian Aadhaar numbers.
pub(super) fn verhoeff(digits: &[u8]) -> bool {
	const PERMUTED: [[u8; 10]; 8] = [
		[0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
		[1, 5, 7, 6, 2, 8, 3, 0, 9, 4],
		[5, 8, 0, 3, 7, 9, 6, 1, 4, 2],
		[8, 9, 1, 6, 0, 4, 3, 5, 2, 7],
		[9, 4, 5, 3, 1, 2, 6, 8, 7, 0],
		[4, 2, 8, 6, 5, 7, 3, 9, 0, 1],
		[2, 7, 9, 3, 8, 0, 6, 4, 1, 5],
		[7, 0, 4, 6, 9, 1, 3, 2, 5, 8],
	];
	/// The product of two elements: rotations are 0 to 4, reflections 5 to 9.
	fn product(a: u8, b: u8) -> u8 {
		match (a < 5, b < 5) {
			(true, true) => (a + b) % 5,
			(true, false) => 5 + (a + b) % 5,
			(false, true) => 5 + (a + 5 - b) % 5,
			(false, false) => (a + 5 - b) % 5,
		}
	}
	let permuted = |index: usize, digit: u8| {
		let row = PERMUTED.get(index % 8);
		row.and_then(|row| row.get(usize::from(digit))).copied().unwrap_or_default()
	};
	let sum =
		digits.iter().rev().enumerate().fold(0, |sum, (index, digit)| product(sum, permuted(index, *digit)));
	!digits.is_empty() && sum == 0
}

/// The letter of a Spanish DNI or NIE.
pub(super) fn spanish_letter(number: u32) -> Option<u8> {
	const LETTERS: &[u8; 23] = b"TRWAGMYFPDXBNJZSQVHLCKE";
	LETTERS.get(usize::try_from(number % 23).ok()?).copied()
}

/// The check letter of an Italian codice fiscale.
pub(super) fn italian(code: &[u8]) -> bool {
	/// Values of 0 to 9, then A to Z, at odd places (counted from 1).
	const ODD: [u32; 26] =
		[1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
	let value = |character: u8| match character {
		b'0'..=b'9' => Some(usize::from(character - b'0')),
		b'A'..=b'Z' => Some(usize::from(character - b'A')),
		_ => None,
	};
	let sum = code.iter().take(15).enumerate().try_fold(0_u32, |sum, (index, character)| {
		let value = value(*character)?;
		let at_place = match index % 2 {
			0 => *ODD.get(value)?,
			_ => u32::try_from(value).ok()?,
		};
		Some(sum + at_place)
	});
	let check = sum.and_then(|sum| u8::try_from(sum % 26).ok()).map(|value| b'A' + value);
	code.len() == 16 && check.is_some() && code.get(15).copied() == check
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	fn digits(text: &str) -> Vec<u8> {
		text.bytes().filter(u8::is_ascii_digit).map(|byte| byte - b'0').collect()
	}

	#[test]
	fn published_examples_pass_and_their_neighbours_fail() {
		type Check = fn(&[u8]) -> bool;
		let checks: [(Check, &str); 6] = [
			(luhn, "4111 1111 1111 1111"),
			// The example of the German tax authority.
			(mod_11_10, "86095742719"),
			(mod_11_2, "11010519491231002 10"),
			(cpf, "111.444.777-35"),
			(nhs, "943 476 5919"),
			(verhoeff, "2363"),
		];
		for (check, text) in checks {
			if text.ends_with(" 10") {
				let mut number = digits("11010519491231002");
				number.push(10);
				assert!(check(&number), "{text}");
				number[0] = 2;
				assert!(!check(&number), "{text}");
				continue;
			}
			let number = digits(text);
			assert!(check(&number), "{text}");
			for index in 0..number.len() {
				let mut other = number.clone();
				other[index] = (other[index] + 1) % 10;
				assert!(!check(&other), "{text} with another digit {index}");
			}
		}
		assert!(iban(b"DE89370400440532013000") && iban(b"GB82WEST12345698765432"));
		assert!(!iban(b"DE89370400440532013001"));
		assert_eq!(spanish_letter(12_345_678), Some(b'Z'));
		assert!(italian(b"RSSMRA85T10A562S") && !italian(b"RSSMRA85T10A562T"));
		assert!(!cpf(&[1; 11]));
	}

	proptest! {
		#[test]
		fn exactly_one_check_digit_fits(body in prop::collection::vec(0_u8..10, 8..14)) {
			for check in [luhn as fn(&[u8]) -> bool, mod_11_10, verhoeff] {
				let fitting = (0..10).filter(|last| check(&[body.as_slice(), &[*last]].concat())).count();
				prop_assert_eq!(fitting, 1);
			}
		}

		#[test]
		fn verhoeff_sees_digits_that_changed_places(body in prop::collection::vec(0_u8..10, 11), at in 0_usize..11) {
			let numbers = (0..10).map(|last| [body.as_slice(), &[last]].concat());
			let number = numbers.into_iter().find(|number| verhoeff(number)).unwrap();
			let mut other = number.clone();
			other.swap(at, at + 1);
			prop_assume!(other != number);
			prop_assert!(!verhoeff(&other));
		}

		#[test]
		fn a_remainder_is_that_of_the_number(number: u64, modulus in 1_u32..1_000) {
			let number_digits = digits(&number.to_string());
			prop_assert_eq!(u64::from(remainder(&number_digits, modulus)), number % u64::from(modulus));
		}
	}
}
