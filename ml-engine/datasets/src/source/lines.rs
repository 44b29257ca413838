//! Lines of a file in bounded memory.

use std::io::{self, BufRead, Read};

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
	/// The bytes without the line end.
	Bytes(Vec<u8>),
	/// A line beyond the limit, of which nothing was kept.
	TooLong,
}

/// Reads the next line of at most `bytes_max` bytes; goes on behind a longer one.
pub(super) fn next_line(reader: &mut (impl BufRead + ?Sized), bytes_max: usize) -> io::Result<Option<Line>> {
	let mut bytes = Vec::new();
	// Two more for a line end of two bytes.
	let limit = (bytes_max as u64).saturating_add(2);
	if Read::take(&mut *reader, limit).read_until(b'\n', &mut bytes)? == 0 {
		return Ok(None);
	}
	let is_whole = bytes.ends_with(b"\n");
	if is_whole {
		bytes.pop();
		if bytes.ends_with(b"\r") {
			bytes.pop();
		}
	}
	if bytes.len() <= bytes_max {
		return Ok(Some(Line::Bytes(bytes)));
	}
	if !is_whole {
		skip_line(reader)?;
	}
	Ok(Some(Line::TooLong))
}

/// Goes on behind the end of the line without keeping any of it.
fn skip_line(reader: &mut (impl BufRead + ?Sized)) -> io::Result<()> {
	loop {
		let buffer = reader.fill_buf()?;
		let end = buffer.iter().position(|byte| *byte == b'\n');
		let (used, is_over) = (end.map_or(buffer.len(), |end| end + 1), end.is_some() || buffer.is_empty());
		reader.consume(used);
		if is_over {
			return Ok(());
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	fn lines(bytes: &[u8], bytes_max: usize) -> Vec<Line> {
		let mut reader = io::BufReader::with_capacity(7, bytes);
		std::iter::from_fn(|| next_line(&mut reader, bytes_max).unwrap()).collect()
	}

	#[test]
	fn a_long_line_is_left_out_and_the_next_is_read() {
		let text = format!("short\n{}\r\nshort again\n{}", "x".repeat(1_000), "y".repeat(1_000));
		let wanted = [
			Line::Bytes(b"short".to_vec()),
			Line::TooLong,
			Line::Bytes(b"short again".to_vec()),
			Line::TooLong,
		];
		assert_eq!(lines(text.as_bytes(), 20), wanted);
		assert_eq!(lines(b"exact\r\nexact\nexact", 5), vec![Line::Bytes(b"exact".to_vec()); 3]);
		assert!(lines(b"", 5).is_empty());
	}

	proptest! {
		#[test]
		fn lines_are_those_of_the_text(parts in prop::collection::vec("[a-z\u{e9}]{0,12}", 0..20), bytes_max in 0_usize..16) {
			let text: String = parts.iter().map(|part| format!("{part}\n")).collect();
			let wanted: Vec<Line> = parts
				.iter()
				.map(|part| match part.len() <= bytes_max {
					true => Line::Bytes(part.as_bytes().to_vec()),
					false => Line::TooLong,
				})
				.collect();
			prop_assert_eq!(lines(text.as_bytes(), bytes_max), wanted);
		}
	}
}
