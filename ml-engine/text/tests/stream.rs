//! Streams of text under any split into tokens.
#![allow(clippy::unwrap_used)]

mod support;

use blyan_text::{FinishReason, GgufVocabulary, StreamError, StreamOptions, TextStream, TokenId, Tokenizer};
use proptest::{collection::vec, prelude::*};
use std::sync::{Arc, LazyLock};
use support::{part_tokenizer, strings};
use unicode_segmentation::UnicodeSegmentation;

static PART: LazyLock<Arc<Tokenizer>> = LazyLock::new(part_tokenizer);
/// One token for each byte, so that any bytes can be streamed in any order.
static BYTES: LazyLock<Arc<Tokenizer>> = LazyLock::new(|| {
	let byte = |byte: u8| format!("<0x{byte:02X}>");
	let tokens: Vec<_> = ["<unk>", "<s>", "</s>"]
		.map(str::to_owned)
		.into_iter()
		.chain((0..=255).map(byte))
		.chain(["▁".into()])
		.collect();
	let token_types = [2, 3, 3].into_iter().chain([6; 256]).chain([1]).collect();
	let vocabulary = GgufVocabulary {
		model: "llama".into(),
		scores: vec![0.0; tokens.len()],
		tokens,
		token_types,
		bos: Some(1),
		eos: Some(2),
		add_space_prefix: Some(false),
		..Default::default()
	};
	Arc::new(Tokenizer::from_gguf(&vocabulary).unwrap())
});

fn stream(
	tokenizer: &Arc<Tokenizer>,
	options: StreamOptions,
	ids: &[TokenId],
) -> (Vec<String>, FinishReason) {
	let mut stream = TextStream::new(tokenizer.clone(), options).unwrap();
	let mut pieces: Vec<_> = ids.iter().map(|id| stream.push(*id).text).collect();
	pieces.push(stream.finish().text);
	(pieces, stream.finish_reason().unwrap())
}

fn of_bytes(bytes: &[u8]) -> Vec<TokenId> {
	bytes.iter().map(|byte| 3 + TokenId::from(*byte)).collect()
}

fn stops(stop: &[&str]) -> StreamOptions {
	StreamOptions { stop: stop.iter().map(|stop| (*stop).to_owned()).collect(), ..Default::default() }
}

/// Cuts a whole text where the stop string begins that is complete first.
fn cut<'t>(text: &'t str, stop: &[String]) -> &'t str {
	let places =
		stop.iter().filter_map(|stop| text.find(stop.as_str()).map(|start| (start + stop.len(), start)));
	places.min().map_or(text, |(_, start)| &text[..start])
}

proptest! {
	#[test]
	fn pieces_are_the_decoded_text_when_tokens_are_arbitrary(ids in vec(0..1_300u32, 0..60)) {
		let (pieces, reason) = stream(&PART, StreamOptions::default(), &ids);
		prop_assert_eq!(pieces.concat(), PART.decode(&ids));
		prop_assert_eq!(reason, FinishReason::Length);
	}

	#[test]
	fn pieces_are_the_decoded_text_when_bytes_are_arbitrary(bytes in vec(any::<u8>(), 0..60)) {
		let (pieces, _) = stream(&BYTES, StreamOptions::default(), &of_bytes(&bytes));
		prop_assert_eq!(pieces.concat(), String::from_utf8_lossy(&bytes));
	}

	#[test]
	fn pieces_are_the_text_when_it_is_any_unicode(text in any::<String>()) {
		let (pieces, _) = stream(&BYTES, StreamOptions::default(), &of_bytes(text.as_bytes()));
		prop_assert_eq!(pieces.concat(), text);
	}

	#[test]
	fn text_ends_before_the_first_stop_string_when_there_are_any(
		text in "[abc\u{e9}\u{1f600}]{0,40}",
		stop in vec("[abc\u{e9}\u{1f600}]{1,4}", 0..4),
	) {
		let options = StreamOptions { stop: stop.clone(), ..Default::default() };
		let (pieces, reason) = stream(&BYTES, options.clone(), &of_bytes(text.as_bytes()));
		let expected = cut(&text, &stop);
		prop_assert_eq!(pieces.concat(), expected);
		prop_assert_eq!(reason == FinishReason::Stop, expected.len() < text.len());
		// Tokens of several bytes write the same.
		let (pieces, _) = stream(&PART, options, &PART.encode(&text).unwrap());
		prop_assert_eq!(pieces.concat(), expected);
	}

	#[test]
	fn no_piece_ends_inside_of_what_a_joiner_holds_together(text in "[a\u{1f469}\u{1f467}\u{200d}\u{fe0f}\u{1f1e9}\u{301}]{0,20}") {
		let (pieces, _) = stream(&BYTES, StreamOptions::default(), &of_bytes(text.as_bytes()));
		let mut written = String::new();
		for piece in &pieces {
			written.push_str(piece);
			let is_boundary = text.grapheme_indices(true).any(|(at, _)| at == written.len());
			prop_assert!(is_boundary || written.len() == text.len() || written.ends_with('a'), "{:?}", pieces);
		}
		prop_assert_eq!(pieces.concat(), text);
	}

	#[test]
	fn any_text_survives_encoding_when_the_vocabulary_has_its_bytes(text in any::<String>()) {
		prop_assert_eq!(BYTES.decode(&BYTES.encode(&text).unwrap()), text.replace('▁', " "));
		let ids = PART.encode(&text).unwrap();
		prop_assert!(ids.iter().all(|id| *id >= 17), "a control token from {:?}", text);
		let lossless = !text.bytes().any(|byte| matches!(byte, 0x04 | 0x06 | 0x13 | 0x14 | 0x16 | 0x1D | 0xF1 | 0xF2));
		prop_assert!(!lossless || PART.decode(&ids) == text);
	}

	#[test]
	fn text_never_becomes_a_control_token_when_it_is_made_of_their_parts(
		parts in vec(prop::sample::select(vec!["<|", "|>", "im_end", "im_start", "<|im_end|>", "<think>", "</", "think>", " ", "\n", "<"]), 0..12),
	) {
		let text = parts.concat();
		let ids = PART.encode(&text).unwrap();
		prop_assert!(ids.iter().all(|id| (17..PART.vocabulary_size() - 2).contains(id)));
		prop_assert_eq!(PART.decode(&ids), text);
	}
}

#[test]
fn a_character_waits_for_all_of_its_bytes() {
	let (pieces, _) = stream(&BYTES, StreamOptions::default(), &of_bytes("a€b".as_bytes()));
	assert_eq!(pieces, ["a", "", "", "", "€b", ""]);
}

#[test]
fn a_family_comes_out_at_once_when_joiners_hold_it_together() {
	let text = "👩‍👧 ";
	let (pieces, _) = stream(&BYTES, StreamOptions::default(), &of_bytes(text.as_bytes()));
	assert_eq!(pieces.into_iter().filter(|piece| !piece.is_empty()).collect::<Vec<_>>(), [text]);
}

#[test]
fn combining_marks_without_end_do_not_hold_the_text_back_for_ever() {
	let text = "é".to_owned() + &"\u{301}".repeat(500);
	let mut stream = TextStream::new(BYTES.clone(), StreamOptions::default()).unwrap();
	let written: usize = of_bytes(text.as_bytes()).into_iter().map(|id| stream.push(id).text.len()).sum();
	assert!(written > text.len() - 70, "{written}");
}

#[test]
fn only_what_may_become_a_stop_string_is_held_back() {
	let (pieces, reason) = stream(&BYTES, stops(&["END", "##"]), &of_bytes(b"aENb#cEND#"));
	assert_eq!(pieces, ["a", "", "", "ENb", "", "#c", "", "", "", "", ""]);
	assert_eq!(reason, FinishReason::Stop);
}

#[test]
fn the_stop_string_that_is_complete_first_counts_when_several_overlap() {
	let result =
		|text: &str, stop: &[&str]| stream(&BYTES, stops(stop), &of_bytes(text.as_bytes())).0.concat();
	assert_eq!(result("xabcdy", &["abcd", "bc"]), "xa");
	assert_eq!(result("xabcdy", &["abcd", "bcd"]), "x");
	assert_eq!(result("aab", &["ab"]), "a");
}

#[test]
fn invalid_bytes_become_one_replacement_each_when_nothing_can_complete_them() {
	let (pieces, _) = stream(&BYTES, StreamOptions::default(), &of_bytes(b"a\xF0\x9F\x98"));
	assert_eq!(pieces, ["a", "", "", "", "\u{FFFD}"]);
	let (pieces, _) = stream(&BYTES, StreamOptions::default(), &of_bytes(b"\xF0\x9Fa\xFFb"));
	assert_eq!(pieces.concat(), "\u{FFFD}a\u{FFFD}b");
}

#[test]
fn the_end_token_ends_the_stream_and_is_not_written() {
	let ends = PART.ends().to_vec();
	let options = StreamOptions { ends, ..Default::default() };
	let mut stream = TextStream::new(PART.clone(), options).unwrap();
	let hello = PART.encode("Hi é").unwrap();
	let text: String = hello.iter().map(|id| stream.push(*id).text).collect();
	let end = stream.push(2);
	assert_eq!((text + &end.text, end.finish), ("Hi é".to_owned(), Some(FinishReason::EndToken)));
	assert_eq!(stream.tokens(), hello.len() + 1);
	// After the end nothing comes out and nothing counts.
	assert_eq!(stream.push(hello[0]).text, "");
	assert_eq!(stream.finish().text, "");
	assert_eq!(stream.tokens(), hello.len() + 1);
	assert_eq!(FinishReason::EndToken.as_openai(), "stop");
}

#[test]
fn the_stream_ends_when_it_has_all_tokens_that_were_allowed() {
	let options = StreamOptions { tokens_max: Some(2), stop: vec!["bc".into()], ..Default::default() };
	let (pieces, reason) = stream(&BYTES, options.clone(), &of_bytes(b"abc"));
	assert_eq!((pieces.concat(), reason), ("ab".into(), FinishReason::Length));
	let none = StreamOptions { tokens_max: Some(0), ..Default::default() };
	assert_eq!(
		stream(&BYTES, none, &of_bytes(b"a")),
		(vec![String::new(), String::new()], FinishReason::Length)
	);
}

#[test]
fn tokens_without_text_write_nothing_when_they_end_nothing() {
	let ids = [1, 5, 4_000_000_000, PART.id_of("a").unwrap()];
	assert_eq!(stream(&PART, StreamOptions::default(), &ids).0.concat(), "a");
}

#[test]
fn the_first_space_is_the_encoders_when_it_puts_one_there() {
	let golden: support::SentencePiece = support::golden("sentence-piece.json");
	let tokenizer = Arc::new(Tokenizer::from_gguf(&golden.vocabulary()).unwrap());
	for (text, ids) in strings().iter().zip(&golden.ids) {
		assert_eq!(stream(&tokenizer, StreamOptions::default(), ids).0.concat(), text.replace('▁', " "));
	}
}

#[test]
fn options_are_refused_when_they_cannot_work() {
	let open = |options| TextStream::new(BYTES.clone(), options).map(drop).unwrap_err();
	assert_eq!(open(stops(&["a", ""])), StreamError::EmptyStop { index: 1 });
	assert_eq!(open(stops(&["x"; 65])), StreamError::TooManyStops { count: 65, limit: 64 });
	let long = "x".repeat(513);
	assert_eq!(open(stops(&[&long])), StreamError::StopTooLong { index: 0, length: 513, limit: 512 });
	let ends = StreamOptions { ends: vec![260], ..Default::default() };
	assert_eq!(open(ends), StreamError::UnknownEnd { id: 260, size: 260 });
}
