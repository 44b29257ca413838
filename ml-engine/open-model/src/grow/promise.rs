//! Promises of a growth: the answers that it keeps, said before anything is computed.

use super::{plan::Growth, retire::never_chosen};
use crate::{
	derive::Parent,
	directory::{DirectoryError, PartFile},
};
use blyan_exact::definition2::{block::PartView, Architecture, FeedForward, Name, Network, Part, Routing};
use std::fmt;

/// Entries of a row up to which a norm keeps 24 bits of each; of longer rows it keeps 22.
const WIDE: u32 = 8_192;

/// Promise about the old model's answers, over every text that it could read. The larger one of two parts counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Promise {
	/// Every bit.
	Bits,
	/// Nearly everything: a rounding may come out otherwise.
	Near(Reason),
	/// It is another function.
	Changed(Reason),
}

/// Reason why not every bit is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
	/// The mean square of a hidden layer gets twice the entries, and its eps is rounded again.
	SubNorm,
	/// Gates of several copies of an expert are rounded one by one.
	Gates,
	/// Gates are shares of all experts, and there are more of them.
	AllExperts,
	/// Other experts are chosen.
	Choice,
	/// Gates are shares of all experts, and there are fewer of them.
	FewerExperts,
}

impl fmt::Display for Reason {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str(match self {
			Self::SubNorm => "a sub-norm rounds its eps again, so a scale may differ in its last bit",
			Self::Gates => "gates of the copies of an expert are rounded one by one, each by 2^-16 at most",
			Self::AllExperts => "gates are shares of all experts, and there are more of them",
			Self::FewerExperts => "gates are shares of all experts, and there are fewer of them",
			Self::Choice => "a token is routed to other experts than before",
		})
	}
}

impl fmt::Display for Promise {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::Bits => f.write_str("every bit is kept"),
			Self::Near(reason) => write!(f, "nearly every bit is kept: {reason}"),
			Self::Changed(reason) => write!(f, "answers change: {reason}"),
		}
	}
}

/// Says what a growth keeps. The settings are those of a valid plan.
pub fn promise(parent: &Parent, growth: &Growth) -> Result<Promise, DirectoryError> {
	let architecture = parent.architecture();
	let mut promise = Promise::Bits;
	for (layer, shape) in (0_u8..).zip(&architecture.layers) {
		if let (Network::Routed(routing), true) = (&shape.network, growth.retires_from(layer)) {
			promise = promise.max(of_retiring(parent, growth, layer, routing)?);
		}
		if !growth.applies_to(layer) {
			continue;
		}
		match &shape.network {
			Network::Dense(network) => promise = promise.max(of_widening(architecture, growth, network)),
			Network::Routed(routing) => {
				for network in [Some(routing.expert), routing.shared].iter().flatten() {
					promise = promise.max(of_widening(architecture, growth, network));
				}
				promise = promise.max(of_routing(parent, growth, layer, routing)?);
			}
		}
	}
	Ok(promise)
}

/// Copies of hidden units enter the sum of squares of a sub-norm twice, and so does their number: the mean is the same, but for
/// eps, which is rounded in proportion to the number, and for rows that pass the length from which on entries keep fewer bits.
fn of_widening(architecture: &Architecture, growth: &Growth, network: &FeedForward) -> Promise {
	let (Some(factor), true) = (growth.widen, architecture.sub_norms) else { return Promise::Bits };
	let crosses = network.hidden <= WIDE && network.hidden * factor > WIDE;
	match architecture.eps != 0 || crosses {
		true => Promise::Near(Reason::SubNorm),
		false => Promise::Bits,
	}
}

/// Experts that the router never chooses are computed nowhere, and those that it chooses are the same without them. Where all
/// experts of a layer are one function, it does not matter which are chosen. But gates that are shares of all experts have the
/// logits of those that are never chosen in them.
fn of_retiring(
	parent: &Parent,
	growth: &Growth,
	layer: u8,
	routing: &Routing,
) -> Result<Promise, DirectoryError> {
	if !routing.normalised {
		return Ok(Promise::Changed(Reason::FewerExperts));
	}
	let silent = never_chosen(parent, layer)?;
	let mut retired = growth.retire.iter().filter(|slot| slot.layer == layer);
	let all: Vec<u16> = (0..routing.experts).collect();
	match retired.all(|slot| silent.contains(&slot.expert)) || are_equal(parent, layer, routing, &all)? {
		true => Ok(Promise::Bits),
		false => Ok(Promise::Changed(Reason::Choice)),
	}
}

/// Copies have the logits of their experts and stand right behind them.
///
/// - Of equal logits the lower index is chosen. So with top-1 a copy is never chosen, whatever its weights are; the only gate
///   is 2^15 before and after.
/// - With n copies of each expert and n times the top-k, the same experts are chosen, each n times. Gates of the copies add up
///   to the expert's: exactly with top-1, where the first one gets what the others leave, and else but for roundings.
/// - Where all experts of a layer are one function, gates that add up to one return it, whatever is chosen.
fn of_routing(
	parent: &Parent,
	growth: &Growth,
	layer: u8,
	routing: &Routing,
) -> Result<Promise, DirectoryError> {
	let added = growth.add_experts.unwrap_or(0);
	let survivors = growth.survivors(layer, routing.experts);
	let (before, after) = (u32::from(routing.top_k), u32::from(growth.top_k.unwrap_or(routing.top_k)));
	if added == 0 && before == after {
		return Ok(Promise::Bits);
	}
	if !routing.normalised {
		let reason = if added > 0 { Reason::AllExperts } else { Reason::Choice };
		return Ok(Promise::Changed(reason));
	}
	let is_tied = growth.router_noise_ppm == 0;
	if before == 1 && after == 1 && is_tied {
		return Ok(Promise::Bits);
	}
	let is_exact = added == 0 || growth.noise_ppm == 0;
	if is_exact && are_equal(parent, layer, routing, &survivors)? {
		return Ok(Promise::Bits);
	}
	// Retiring comes first: copies are of those that are left.
	let experts = (survivors.len() as u32).max(1);
	let factor = (experts + u32::from(added)) / experts;
	let is_multiple = u32::from(added).is_multiple_of(experts);
	match is_tied && is_exact && is_multiple && after == before * factor {
		true if before == 1 => Ok(Promise::Bits),
		true => Ok(Promise::Near(Reason::Gates)),
		false => Ok(Promise::Changed(Reason::Choice)),
	}
}

/// Reports whether these experts of a layer are one function: the same bytes, or adapters whose product is zero.
fn are_equal(parent: &Parent, layer: u8, routing: &Routing, experts: &[u16]) -> Result<bool, DirectoryError> {
	let experts = experts.iter().map(|expert| Part::Expert { layer, expert: *expert });
	if routing.adapter_rank.is_none() {
		let roots = experts.map(|part| Ok(parent.record(part)?.root.clone()));
		let roots = roots.collect::<Result<Vec<String>, DirectoryError>>()?;
		return Ok(roots.windows(2).all(|two| two[0] == two[1]));
	}
	for part in experts {
		if !is_silent(&parent.part(part)?)? {
			return Ok(false);
		}
	}
	Ok(true)
}

/// Reports whether the second matrices of all adapters of an expert are zero.
fn is_silent(file: &PartFile) -> Result<bool, DirectoryError> {
	let view = PartView::new(file.layout(), file.bytes()).map_err(|fault| file.fault(fault))?;
	let mut seconds = [Name::GateOut, Name::UpOut, Name::DownOut].into_iter();
	Ok(seconds.all(|name| view.bytes(name).is_some_and(|bytes| bytes.iter().all(|byte| *byte == 0))))
}
