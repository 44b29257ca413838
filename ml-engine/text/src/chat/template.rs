//! Chat templates of checkpoints: Jinja, with what Hugging Face's renderer adds to it.

use super::message::Message;
use crate::{error::ChatError, tokenizer::Tokenizer};
use minijinja::{
	context,
	syntax::SyntaxConfig,
	value::{Kwargs, Value},
	Environment, Error, ErrorKind, State, UndefinedBehavior,
};
use serde::Serialize;
use std::{
	io::{self, Write},
	sync::{
		atomic::{AtomicBool, AtomicI64, Ordering},
		Arc,
	},
	time::{SystemTime, UNIX_EPOCH},
};

/// Bytes of a template. The longest known have about 20 KiB.
const SOURCE_BYTES_MAX: usize = 256 << 10;
/// Fuel of one rendering: a step takes one, and so do 64 bytes of a string that is made. So these are a million steps, or 64 MB.
const FUEL: u64 = 1_000_000;
/// Fuel for each message besides. One takes about 100 steps.
const FUEL_PER_MESSAGE: u64 = 1_000;
/// Copies of all messages that a template may make besides.
const COPIES_MAX: u64 = 16;
/// Macros within macros.
const RECURSION_MAX: usize = 64;
/// Bytes that a template may write beyond the messages themselves.
const OUTPUT_BYTES_MAX: usize = 32 << 20;
/// Bytes of JSON for one fuel, as in minijinja's own filter.
const SERIALIZED_BYTES_PER_FUEL: u64 = 4;
/// No fixed time: the clock's.
const CLOCK: i64 = i64::MIN;
/// Directives of `strftime` that are the same from midnight to midnight.
const OF_A_DATE: &str = "aAbBhCdeDFgGjmuUVwWyYnt%";

const NAME: &str = "chat_template";

/// Parsed chat template.
pub(super) struct Template {
	environment: Environment<'static>,
	source: String,
	unix_seconds: Arc<AtomicI64>,
	/// Set once a rendering has asked for more of the time than the date.
	has_asked_for_hour: Arc<AtomicBool>,
}

impl Template {
	/// Parses a template.
	pub fn new(source: &str) -> Result<Self, ChatError> {
		if source.len() > SOURCE_BYTES_MAX {
			let (value, limit) = (source.len(), SOURCE_BYTES_MAX);
			return Err(ChatError::TooLarge { what: "chat template", value, limit });
		}
		let unix_seconds = Arc::new(AtomicI64::new(CLOCK));
		let mut environment = Environment::new();
		let mut syntax = SyntaxConfig::builder();
		let syntax = syntax.trim_blocks(true).lstrip_blocks(true).build();
		environment.set_syntax(syntax.map_err(|error| ChatError::Syntax(describe(&error)))?);
		environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
		environment.set_undefined_behavior(UndefinedBehavior::Lenient);
		environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
		environment.set_recursion_limit(RECURSION_MAX);
		environment.add_filter("tojson", to_json);
		environment.add_function("raise_exception", |message: String| -> Result<Value, Error> {
			Err(Error::new(ErrorKind::InvalidOperation, message))
		});
		let has_asked_for_hour = Arc::new(AtomicBool::new(false));
		let (time, asked) = (unix_seconds.clone(), has_asked_for_hour.clone());
		environment.add_function("strftime_now", move |format: String| {
			if !is_of_a_date(&format) {
				asked.store(true, Ordering::Relaxed);
			}
			strftime(&format, &time)
		});
		environment
			.add_template_owned(NAME, without_generation_tags(source))
			.map_err(|error| ChatError::Syntax(describe(&error)))?;
		Ok(Self { environment, source: source.to_owned(), unix_seconds, has_asked_for_hour })
	}

	pub fn source(&self) -> &str {
		&self.source
	}

	/// Fixes the time that the template may ask for.
	pub fn fix_time(&mut self, unix_seconds: i64) {
		self.unix_seconds.store(unix_seconds, Ordering::Relaxed);
	}

	/// Reports whether a rendering has asked for the hour or anything finer, so that the next one may differ within a day.
	pub fn has_asked_for_hour(&self) -> bool {
		self.has_asked_for_hour.load(Ordering::Relaxed)
	}

	/// Renders messages. What Hugging Face's renderer passes and is not known here, tools and documents, is none.
	pub fn render(
		&self,
		messages: &[Message],
		tokenizer: &Tokenizer,
		open_turn: bool,
	) -> Result<String, ChatError> {
		let failed = |error: Error| ChatError::Render(describe(&error));
		let bytes: u64 = messages.iter().map(|message| message.content.len() as u64).sum();
		let mut environment = self.environment.clone();
		environment.set_fuel(Some(FUEL + FUEL_PER_MESSAGE * messages.len() as u64 + COPIES_MAX * bytes / 64));
		let template = environment.get_template(NAME).map_err(failed)?;
		let tokens =
			tokenizer.template_tokens().map(|(name, content)| (name, Value::from(content.unwrap_or(""))));
		let pairs = |message: &Message| {
			let content = Value::from(message.content.as_str());
			Value::from_pairs([("role", Value::from(message.role.as_str())), ("content", content)])
		};
		let messages: Vec<_> = messages.iter().map(pairs).collect();
		let context = context! {
			messages => messages,
			add_generation_prompt => open_turn,
			tools => Value::from(()),
			documents => Value::from(()),
			begin => tokenizer.start().is_some(),
			..Value::from_pairs(tokens),
		};
		let mut output = Bounded::default();
		let rendered = template.render_captured_to(context, &mut output).map(drop);
		if output.is_full {
			return Err(ChatError::Render(format!("it writes more than {OUTPUT_BYTES_MAX} bytes")));
		}
		rendered.map_err(failed)?;
		String::from_utf8(output.bytes).map_err(|error| ChatError::Render(error.to_string()))
	}
}

/// Output that ends with an error when it is full.
#[derive(Default)]
struct Bounded {
	bytes: Vec<u8>,
	is_full: bool,
}

impl Write for Bounded {
	fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
		if self.bytes.len() + bytes.len() > OUTPUT_BYTES_MAX {
			self.is_full = true;
			return Err(io::ErrorKind::FileTooLarge.into());
		}
		self.bytes.extend_from_slice(bytes);
		Ok(bytes.len())
	}

	fn flush(&mut self) -> io::Result<()> {
		Ok(())
	}
}

/// Writes an error and those that caused it, without the source.
fn describe(error: &Error) -> String {
	let mut text = error.to_string();
	let mut cause = std::error::Error::source(error);
	while let Some(error) = cause {
		text.push_str(&format!(": {error}"));
		cause = error.source();
	}
	text
}

/// Replaces the tags that mark the assistant's words for training, which do not change what is written.
fn without_generation_tags(source: &str) -> String {
	let (mut out, mut rest) = (String::with_capacity(source.len()), source);
	while let Some(start) = rest.find("{%") {
		let Some(length) = rest[start..].find("%}") else { break };
		let tag = &rest[start..start + length];
		let name = tag[2..].trim_matches(|char: char| char == '-' || char == '+' || char.is_whitespace());
		out.push_str(&rest[..start]);
		match name {
			"generation" => out.push_str(&tag.replace(name, "if true")),
			"endgeneration" => out.push_str(&tag.replace(name, "endif")),
			_ => out.push_str(tag),
		}
		rest = &rest[start + length..];
	}
	out + rest
}

/// Reports whether a format writes the same from midnight to midnight. What is not known may be anything.
fn is_of_a_date(format: &str) -> bool {
	let mut chars = format.chars();
	while let Some(char) = chars.next() {
		if char != '%' {
			continue;
		}
		// Flags and widths stand in front of the directive.
		let directive = chars.find(|char| !matches!(*char, '-' | '_' | '^' | '#' | '0'..='9'));
		if !directive.is_some_and(|directive| OF_A_DATE.contains(directive)) {
			return false;
		}
	}
	true
}

/// Writes a date as Python's `strftime` does.
fn strftime(format: &str, unix_seconds: &AtomicI64) -> Result<String, Error> {
	let fixed = unix_seconds.load(Ordering::Relaxed);
	let clock = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs() as i64);
	let seconds = if fixed == CLOCK { clock() } else { fixed };
	let invalid = |error: jiff::Error| Error::new(ErrorKind::InvalidOperation, error.to_string());
	let time = jiff::Timestamp::from_second(seconds).map_err(invalid)?;
	jiff::fmt::strtime::format(format, &time.to_zoned(jiff::tz::TimeZone::UTC)).map_err(invalid)
}

/// Writes JSON as Python's `json.dumps(value, ensure_ascii=False)` does, which templates were written for: a space after
/// commas and colons, and nothing escaped for HTML.
fn to_json(state: &State, value: &Value, options: Kwargs) -> Result<Value, Error> {
	let indent: Option<usize> = options.get("indent")?;
	// Accepted and without effect: characters beyond ASCII are never escaped, keys keep the order they have.
	let _: (Option<bool>, Option<bool>) = (options.get("ensure_ascii")?, options.get("sort_keys")?);
	options.assert_all_used()?;
	let invalid = |error: serde_json::Error| Error::new(ErrorKind::BadSerialization, error.to_string());
	let mut writer = Charged { state, bytes: Vec::new(), paid: 0 };
	match indent {
		Some(width) => {
			let indent = " ".repeat(width.min(16));
			let formatter = serde_json::ser::PrettyFormatter::with_indent(indent.as_bytes());
			let mut serializer = serde_json::Serializer::with_formatter(&mut writer, formatter);
			value.serialize(&mut serializer).map_err(invalid)?;
		}
		None => {
			let mut serializer = serde_json::Serializer::with_formatter(&mut writer, Spaced);
			value.serialize(&mut serializer).map_err(invalid)?;
		}
	}
	let json = String::from_utf8(writer.bytes)
		.map_err(|error| Error::new(ErrorKind::BadSerialization, error.to_string()))?;
	Ok(Value::from(json))
}

/// Output that costs fuel: lists within lists may hold the same list over and over, and become far larger than they are.
struct Charged<'s, 'a, 'b> {
	state: &'s State<'a, 'b>,
	bytes: Vec<u8>,
	paid: u64,
}

impl Write for Charged<'_, '_, '_> {
	fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
		self.bytes.extend_from_slice(bytes);
		let due = self.bytes.len() as u64 / SERIALIZED_BYTES_PER_FUEL - self.paid;
		self.state.consume_fuel(due).map_err(io::Error::other)?;
		self.paid += due;
		Ok(bytes.len())
	}

	fn flush(&mut self) -> io::Result<()> {
		Ok(())
	}
}

/// JSON on one line with a space after commas and colons.
struct Spaced;

impl serde_json::ser::Formatter for Spaced {
	fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
		if first {
			return Ok(());
		}
		writer.write_all(b", ")
	}

	fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
		self.begin_array_value(writer, first)
	}

	fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
		writer.write_all(b": ")
	}
}
