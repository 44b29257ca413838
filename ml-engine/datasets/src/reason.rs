//! Closed lists: why a text is left out, what was found in it, what was put right, why an audit ends early.

use serde::{Deserialize, Serialize};

/// Declares a closed list whose members have a number for the chain, a name for JSON and words for people.
macro_rules! closed_list {
	($(#[$doc:meta])* $name:ident { $($(#[$member_doc:meta])* $member:ident = $code:literal, $words:literal;)* }) => {
		$(#[$doc])*
		#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
		#[serde(rename_all = "snake_case")]
		pub enum $name {
			$($(#[$member_doc])* $member = $code,)*
		}

		impl $name {
			/// All members, in the order of their numbers.
			pub const ALL: &'static [Self] = &[$(Self::$member,)*];

			/// The number, which never changes and is never given to another member.
			pub fn code(self) -> u8 {
				match self {
					$(Self::$member => $code,)*
				}
			}

			/// The member of a number.
			pub fn from_code(code: u8) -> Option<Self> {
				match code {
					$($code => Some(Self::$member),)*
					_ => None,
				}
			}
		}

		impl std::fmt::Display for $name {
			fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
				f.write_str(match self {
					$(Self::$member => $words,)*
				})
			}
		}
	};
}

closed_list! {
	/// Reason why a file, a line or a text is not in a dataset.
	Reason {
		/// A file of a kind that is not read: pictures, programs, archives.
		NotText = 0, "not text";
		/// UTF-16 or UTF-32, by their byte order mark.
		Utf16 = 1, "UTF-16 or UTF-32";
		/// Bytes that are not UTF-8.
		NotUtf8 = 2, "not UTF-8";
		/// A byte of zero.
		Nul = 3, "with a NUL byte";
		/// A line or row beyond the limit.
		LineTooLong = 4, "with a line beyond the limit";
		/// A line or row that does not parse.
		Malformed = 5, "malformed";
		/// A row without a text.
		NoText = 6, "without a text";
		/// A compressed file that expands beyond its limit.
		Bomb = 7, "expanding beyond the limit";
		/// A file that ends in the middle, or whose checksum is wrong.
		Damaged = 8, "damaged";
		/// The licence text of a folder.
		LicenceFile = 9, "licence file";
		/// A description of the dataset itself.
		Metadata = 10, "metadata";
		/// Shorter than what teaches anything.
		TooShort = 11, "too short";
		/// Control characters other than tabs and line ends.
		ControlCharacters = 12, "with control characters";
		/// Characters lost in an earlier conversion.
		EncodingDamaged = 13, "damaged by a wrong encoding";
		/// Lines that only programs write.
		Unbroken = 14, "with lines that only programs write";
		/// Hardly any letters.
		FewLetters = 15, "with hardly a letter";
		/// The same lines or words over and over.
		Repetitive = 16, "repetitive";
		/// A comment says that a program wrote it.
		Generated = 17, "generated";
		/// Its own licence is not an SPDX expression.
		LicenceUnknown = 18, "with a licence that SPDX does not know";
		/// Its own licence, or the one its header names, is not permissive.
		LicenceNotPermissive = 19, "with a licence that is not permissive";
		/// Its header forbids copying.
		Proprietary = 20, "with a notice that forbids copying";
		/// Personal data with valid check digits.
		PersonalData = 21, "with personal data";
		/// A key or password.
		Secret = 22, "with a secret";
		/// Insults, threats, hate.
		Toxic = 23, "toxic";
		/// The same text is in the dataset.
		Duplicate = 24, "duplicate";
		/// A text in the dataset is almost the same.
		NearDuplicate = 25, "near duplicate";
		/// The dataset has reached its limit.
		OverLimit = 26, "beyond the limit";
		/// A link to a file outside of the folder that was named.
		LinkOutside = 27, "link out of the folder";
	}
}

closed_list! {
	/// Kind of personal data, secret or notice that was found in texts.
	Finding {
		/// E-mail address.
		Email = 0, "e-mail address";
		/// Telephone number.
		Phone = 1, "telephone number";
		/// International bank account number, mod 97.
		Iban = 2, "bank account";
		/// Payment number, Luhn and issuer.
		PaymentNumber = 3, "payment number";
		/// United States social security number.
		SocialSecurity = 4, "US social security number";
		/// German tax identification number, ISO 7064 mod 11-10.
		GermanTaxId = 5, "German tax number";
		/// Brazilian CPF, mod 11 twice.
		BrazilianCpf = 6, "Brazilian CPF";
		/// Spanish DNI or NIE, mod 23.
		SpanishDni = 7, "Spanish DNI";
		/// French social security number, mod 97.
		FrenchNir = 8, "French NIR";
		/// Italian codice fiscale, odd-even table.
		ItalianFiscalCode = 9, "Italian fiscal code";
		/// Chinese resident identity, ISO 7064 mod 11-2.
		ChineseResident = 10, "Chinese resident number";
		/// Indian Aadhaar, Verhoeff.
		Aadhaar = 11, "Aadhaar number";
		/// British NHS number, mod 11.
		NhsNumber = 12, "NHS number";
		/// Public IP address that is named as one.
		IpAddress = 13, "IP address";
		/// Key of a cloud or service with a known prefix.
		ServiceKey = 14, "service key";
		/// Private key in PEM.
		PrivateKey = 15, "private key";
		/// Signed token (JWT).
		SignedToken = 16, "signed token";
		/// Password or key assigned in source code.
		AssignedSecret = 17, "assigned secret";
		/// Insult, threat or slur.
		Abuse = 18, "abuse";
		/// Licence named in a header.
		LicenceHeader = 19, "licence header";
		/// A sum, difference, product or quotient that is wrong.
		FalseArithmetic = 20, "false arithmetic";
	}
}

closed_list! {
	/// Reason why an audit ends before its figures: the dataset is not what its offer and its manifest say.
	Fault {
		/// The manifest is larger than any that this release writes.
		ManifestTooLarge = 0, "a manifest beyond the limit";
		/// The manifest does not parse, is not in its canonical form, or contradicts itself.
		ManifestMalformed = 1, "a malformed manifest";
		/// The manifest is of a format or version that this release does not know.
		ManifestUnknown = 2, "a manifest of an unknown version";
		/// The offer names another root, other counts or another licence than the manifest.
		OfferDiffers = 3, "an offer that differs from its manifest";
		/// A blob has other bytes, records or another root than the manifest says.
		BlobDiffers = 4, "a blob that differs from its manifest";
	}
}

closed_list! {
	/// Repair that was made on the way in; the text is kept.
	Note {
		/// A byte order mark was left out.
		ByteOrderMark = 0, "byte order mark left out";
		/// Carriage returns before line ends were left out.
		CarriageReturns = 1, "CRLF made LF";
		/// A text was cut into pieces.
		Cut = 2, "cut into pieces";
		/// A licence was written in an older spelling.
		LicenceSpelling = 3, "licence respelt";
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn numbers_and_names_are_unique_and_lead_back() {
		for (index, reason) in Reason::ALL.iter().enumerate() {
			assert_eq!(usize::from(reason.code()), index);
			assert_eq!(Reason::from_code(reason.code()), Some(*reason));
		}
		for finding in Finding::ALL {
			assert_eq!(Finding::from_code(finding.code()), Some(*finding));
		}
		for fault in Fault::ALL {
			assert_eq!(Fault::from_code(fault.code()), Some(*fault));
		}
		assert_eq!(Note::from_code(200), None);
		assert_eq!(serde_json::to_string(&Reason::NotUtf8).unwrap(), "\"not_utf8\"");
		assert_eq!(Reason::NearDuplicate.to_string(), "near duplicate");
	}
}
