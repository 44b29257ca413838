//! Text as token ids.

/// Text of a sequence as token ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sequence {
	/// Token ids; the first one is context only.
	pub ids: Vec<u32>,
	/// Bytes of text that the second and later tokens stand for.
	pub bytes: Vec<u16>,
}

impl Sequence {
	/// Returns the bytes of all predicted tokens.
	pub fn text_bytes(&self) -> u64 {
		self.bytes.iter().map(|bytes| u64::from(*bytes)).sum()
	}

	/// Cuts the ids of a document into sequences of `positions` predicted tokens; the last one may be shorter.
	///
	/// Consecutive sequences share a token: what one predicts last is the next one's context.
	pub fn cut(ids: &[u32], positions: usize, bytes_of: impl Fn(u32) -> u64) -> Vec<Self> {
		let starts = (0..ids.len().saturating_sub(1)).step_by(positions.max(1));
		let sequence = |start: usize| {
			let ids = ids[start..(start + positions.max(1) + 1).min(ids.len())].to_vec();
			// A token of more than 64 KiB is in no vocabulary.
			let bytes = ids[1..].iter().map(|id| bytes_of(*id).min(u16::MAX.into()) as u16).collect();
			Self { ids, bytes }
		};
		starts.map(sequence).collect()
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn cut_predicts_every_token_but_the_first_once() {
		let ids = [7, 3, 9, 4, 1, 5];
		let sequences = Sequence::cut(&ids, 2, u64::from);
		let predicted = sequences.iter().flat_map(|sequence| &sequence.ids[1..]).copied().collect::<Vec<_>>();
		assert_eq!(predicted, ids[1..]);
		assert_eq!(sequences[1], Sequence { ids: vec![9, 4, 1], bytes: vec![4, 1] });
		assert_eq!(sequences[2].text_bytes(), 5);
		assert_eq!(Sequence::cut(&[4], 2, u64::from), []);
	}
}
