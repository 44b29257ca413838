//! States that training needs of tokens in front of a slot: computed once, never changed by an update.

use crate::ops::Sample;

/// Numbers of a token besides its vectors and its sample.
const SCALARS: usize = 4;

/// Widths of a token's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Widths {
	/// Width of the residual stream.
	pub(crate) d_model: usize,
	/// Entries of a row of the sample: the target and the tokens drawn.
	pub(crate) sample: usize,
}

impl Widths {
	/// Returns the 32-bit words of a token.
	pub(crate) fn words(self) -> usize {
		SCALARS + 2 * self.d_model + 2 * self.sample
	}

	/// Returns the bytes of a token.
	pub(crate) fn bytes(self) -> usize {
		4 * self.words()
	}
}

/// Tokens that chose the expert in the slot; with layers behind it, all tokens of a sequence in which some did.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tokens {
	pub(crate) widths: Widths,
	/// Gates of the expert; zero where it was not chosen. `[tokens]`
	pub(crate) gates: Vec<f32>,
	/// The parent's losses, nats. `[tokens]`
	pub(crate) losses: Vec<f32>,
	/// Bytes of text that the targets stand for. `[tokens]`
	pub(crate) text_bytes: Vec<f32>,
	/// Inputs of the expert. `[tokens, d_model]`
	pub(crate) inputs: Vec<f32>,
	/// Residual stream behind the layer, without the expert's share. `[tokens, d_model]`
	pub(crate) streams: Vec<f32>,
	/// Targets, and other tokens as the parent would draw them.
	pub(crate) sample: Sample,
}

impl Tokens {
	/// Creates an empty list.
	pub(crate) fn new(widths: Widths) -> Self {
		let sample = Sample { width: widths.sample, ..Sample::default() };
		let list = Vec::new;
		Self {
			widths,
			gates: list(),
			losses: list(),
			text_bytes: list(),
			inputs: list(),
			streams: list(),
			sample,
		}
	}

	/// Returns the number of tokens.
	pub(crate) fn len(&self) -> usize {
		self.gates.len()
	}

	/// Returns the place of the first token that the expert sees; the length if it sees none.
	pub(crate) fn first_seen(&self) -> usize {
		self.gates.iter().position(|gate| *gate != 0.0).unwrap_or(self.len())
	}

	/// Appends others.
	pub(crate) fn append(&mut self, mut others: Self) {
		self.gates.append(&mut others.gates);
		self.losses.append(&mut others.losses);
		self.text_bytes.append(&mut others.text_bytes);
		self.inputs.append(&mut others.inputs);
		self.streams.append(&mut others.streams);
		self.sample.ids.append(&mut others.sample.ids);
		self.sample.logits.append(&mut others.sample.logits);
		self.sample.target_shares.append(&mut others.sample.target_shares);
	}

	/// Appends tokens as [`Self::write`] wrote them: any number of [`Widths::bytes`].
	pub(crate) fn read(&mut self, bytes: &[u8]) {
		let Widths { d_model, sample } = self.widths;
		for record in bytes.chunks_exact(self.widths.bytes()) {
			let mut words = record.as_chunks::<4>().0.iter().copied();
			let mut scalar = || f32::from_le_bytes(words.next().unwrap_or_default());
			self.gates.push(scalar());
			self.losses.push(scalar());
			self.text_bytes.push(scalar());
			self.sample.target_shares.push(scalar());
			self.inputs.extend(words.by_ref().take(d_model).map(f32::from_le_bytes));
			self.streams.extend(words.by_ref().take(d_model).map(f32::from_le_bytes));
			self.sample.ids.extend(words.by_ref().take(sample).map(u32::from_le_bytes));
			self.sample.logits.extend(words.map(f32::from_le_bytes));
		}
	}

	/// Writes all tokens, little endian: gate, loss, bytes, the target's share, input, stream, ids and logits of the
	/// sample.
	pub(crate) fn write(&self, out: &mut Vec<u8>) {
		let Widths { d_model, sample } = self.widths;
		let floats =
			|out: &mut Vec<u8>, values: &[f32]| out.extend(values.iter().flat_map(|x| x.to_le_bytes()));
		for token in 0..self.len() {
			let (vector, row) =
				(token * d_model..(token + 1) * d_model, token * sample..(token + 1) * sample);
			let share = self.sample.target_shares[token];
			floats(out, &[self.gates[token], self.losses[token], self.text_bytes[token], share]);
			floats(out, &self.inputs[vector.clone()]);
			floats(out, &self.streams[vector]);
			out.extend(self.sample.ids[row.clone()].iter().flat_map(|id| id.to_le_bytes()));
			floats(out, &self.sample.logits[row]);
		}
	}

	/// Returns some of the tokens.
	pub(crate) fn slice(&self, tokens: core::ops::Range<usize>) -> Self {
		let Widths { d_model, sample } = self.widths;
		let wide = |width: usize| tokens.start * width..tokens.end * width;
		Self {
			widths: self.widths,
			gates: self.gates[tokens.clone()].into(),
			losses: self.losses[tokens.clone()].into(),
			text_bytes: self.text_bytes[tokens.clone()].into(),
			inputs: self.inputs[wide(d_model)].into(),
			streams: self.streams[wide(d_model)].into(),
			sample: Sample {
				width: sample,
				ids: self.sample.ids[wide(sample)].into(),
				logits: self.sample.logits[wide(sample)].into(),
				target_shares: self.sample.target_shares[tokens].into(),
			},
		}
	}

	/// Splits into consecutive lists of at most `most` tokens.
	pub(crate) fn split(&self, most: usize) -> Vec<Self> {
		let starts = (0..self.len()).step_by(most.max(1));
		starts.map(|start| self.slice(start..(start + most).min(self.len()))).collect()
	}
}

#[cfg(test)]
pub(crate) mod tests {
	use super::*;

	/// Makes tokens of numbers that all differ.
	pub(crate) fn numbered(widths: Widths, count: usize, first: u32) -> Tokens {
		let mut next = first;
		let mut bytes = Vec::new();
		(0..count * widths.words()).for_each(|_| {
			bytes.extend((next as f32).to_le_bytes());
			next += 1;
		});
		let mut tokens = Tokens::new(widths);
		tokens.read(&bytes);
		tokens
	}

	#[test]
	fn tokens_survive_their_bytes() {
		let widths = Widths { d_model: 3, sample: 5 };
		let tokens = numbered(widths, 7, 1);
		let mut bytes = Vec::new();
		tokens.write(&mut bytes);
		assert_eq!(bytes.len(), 7 * widths.bytes());
		let mut read = Tokens::new(widths);
		read.read(&bytes[..2 * widths.bytes()]);
		read.read(&bytes[2 * widths.bytes()..]);
		assert_eq!(read, tokens);
		let mut joined = Tokens::new(widths);
		tokens.split(3).into_iter().for_each(|part| joined.append(part));
		assert_eq!(joined, tokens);
	}
}
