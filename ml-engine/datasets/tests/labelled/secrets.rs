//! Keys and passwords, and what stands where one could be.

use super::draw::{Draw, ALPHANUMERIC, CAPITALS, HEXADECIMAL, URL_SAFE};

/// Issuers: beginning in two parts, alphabet and length of what is drawn, and what stands behind it.
const ISSUERS: [(&str, &str, &str, usize, &str); 16] = [
	("AK", "IA", "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16, ""),
	("AS", "IA", "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16, ""),
	("gh", "p_", ALPHANUMERIC, 36, ""),
	("gh", "s_", ALPHANUMERIC, 36, ""),
	("github", "_pat_", ALPHANUMERIC, 70, ""),
	("gl", "pat-", URL_SAFE, 20, ""),
	("sk-", "ant-api03-", URL_SAFE, 90, ""),
	("sk-", "proj-", URL_SAFE, 60, ""),
	("AI", "za", URL_SAFE, 35, ""),
	("xo", "xb-123456789012-", ALPHANUMERIC, 24, ""),
	("sk_", "live_", ALPHANUMERIC, 24, ""),
	("np", "m_", ALPHANUMERIC, 36, ""),
	("pypi-", "AgEIcHlwaS5vcmc", URL_SAFE, 70, ""),
	("h", "f_", "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", 34, ""),
	("dop_", "v1_", HEXADECIMAL, 64, ""),
	("Account", "Key=", ALPHANUMERIC, 86, "=="),
];

pub fn service_key(draw: &mut Draw, index: usize) -> String {
	let (begin, mark, alphabet, length, end) = ISSUERS[(index / 3) % ISSUERS.len()];
	format!("{begin}{mark}{}{end}", draw.text(alphabet, length))
}

pub fn no_service_key(draw: &mut Draw, index: usize) -> String {
	let (begin, mark, alphabet, length, end) = ISSUERS[(index / 3) % ISSUERS.len()];
	match index % 6 {
		// The examples of documents.
		0 => format!("{begin}{mark}EXAMPLE{}{end}", "X".repeat(length.saturating_sub(7))),
		1 => format!("{begin}{mark}{}{end}", "x".repeat(length)),
		2 => format!("{begin}{mark}..."),
		3 => format!("{begin}{mark}{}", draw.text(alphabet, length.min(20) / 3)),
		4 => draw.text(HEXADECIMAL, 40),
		_ => format!("sha512-{}==", draw.text(ALPHANUMERIC, 86)),
	}
}

/// Kinds of private keys in PEM.
const PEM: [&str; 5] = ["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "];

fn pem(draw: &mut Draw, kind: &str, word: &str, line_end: &str) -> String {
	let body: Vec<String> = (0..4).map(|_| draw.text(ALPHANUMERIC, 64)).collect();
	let body = body.join(line_end);
	format!("-----BEGIN {kind}{word} KEY-----{line_end}{body}{line_end}-----END {kind}{word} KEY-----")
}

pub fn private_key(draw: &mut Draw, index: usize) -> String {
	let line_end = ["\n", "\\n", "\r\n"][index % 3];
	pem(draw, PEM[(index / 3) % PEM.len()], "PRIVATE", line_end)
}

pub fn no_private_key(draw: &mut Draw, index: usize) -> String {
	let kind = PEM[(index / 3) % PEM.len()];
	match index % 4 {
		0 => pem(draw, kind, "PUBLIC", "\n"),
		1 => format!("-----BEGIN {kind}PRIVATE KEY----- is how line {} begins", draw.below(99)),
		2 => format!("-----BEGIN {kind}PRIVATE KEY-----\n(the key of host {})", draw.below(99)),
		_ => {
			let body = draw.text(ALPHANUMERIC, 64);
			format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----")
		}
	}
}

pub fn signed_token(draw: &mut Draw, _index: usize) -> String {
	let (head, claims) = (draw.between(17, 40), draw.between(30, 120));
	let mark = ["ey", "J"].concat();
	let (head, claims) = (draw.text(URL_SAFE, head), draw.text(URL_SAFE, claims));
	format!("{mark}{head}.{mark}{claims}.{}", draw.text(URL_SAFE, 43))
}

pub fn no_signed_token(draw: &mut Draw, index: usize) -> String {
	let part = draw.text(ALPHANUMERIC, 40);
	match index % 4 {
		0 => format!("eyJ{part}"),
		1 => format!("eyJ{part}.eyJ{}", draw.text(ALPHANUMERIC, 40)),
		2 => format!("eyJ{part}.eyJ{}.signature", draw.text(ALPHANUMERIC, 40)),
		_ => format!("{part}.{}.{}", draw.text(ALPHANUMERIC, 40), draw.text(ALPHANUMERIC, 43)),
	}
}

pub fn assigned(draw: &mut Draw, index: usize) -> String {
	let length = draw.between(20, 40);
	let plain = format!("{}{}", draw.text(ALPHANUMERIC, length), draw.below(10));
	let value = match index % 2 {
		0 => plain,
		_ => format!("{plain}{}", draw.of(&["!", "$", "%", "_", "+", "="])),
	};
	match index % 6 {
		0 => format!("password = \"{value}\""),
		1 => format!("  \"api_key\": \"{value}\","),
		2 => format!("client_secret: '{value}',"),
		3 => format!("let secret = \"{value}\";"),
		4 => format!("DATABASE_PASSWORD={value}"),
		_ => format!("export SERVICE_API_KEY={value}"),
	}
}

pub fn no_assigned(draw: &mut Draw, index: usize) -> String {
	let (number, word) = (draw.below(1_000), draw.of(&["Account", "Billing", "Profile", "Storage"]));
	let name = draw.of(&["password", "secret", "api_key", "auth_token"]);
	match index % 12 {
		0 => format!("{name} = \"your-{name}-goes-here-{number}A\""),
		1 => format!("{name} = \"settings.{word}.InputField{}\"", number % 100),
		2 => format!("{name}: 'arn:aws:secretsmanager:eu-west-1:{number:012}:secret:{word}-a1B2c3',"),
		3 => format!("{name} = \"projects/{number}/secrets/{word}Key/versions/latest\""),
		4 => format!("{name} = os.environ[\"{}_{number}_KEY\"]", word.to_uppercase()),
		5 => format!("DB_PASSWORD_FILE=/run/secrets/{word}_password_{number}"),
		6 => format!("API_KEY=${{{}_VALUE_{number}}}", word.to_uppercase()),
		7 => format!("{name} = \"{word}{number}\""),
		8 => format!("{name} = getpass(\"{word} {number}, please: \")"),
		9 => format!("{name} = \"<{}-{}>\"", word.repeat(3), number),
		10 => format!("checksum = \"{}\"", draw.text(HEXADECIMAL, 64)),
		_ => format!("{name} = \"{}\"", draw.text(CAPITALS, 20)),
	}
}
