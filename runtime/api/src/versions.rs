//! Versions of these APIs, for clients that were compiled with them and meet a runtime that was not.

use crate::{
	datasets::runtime_decl_for_datasets_api, delegation::runtime_decl_for_delegation_api,
	disputes::runtime_decl_for_disputes_api, evolution::runtime_decl_for_evolution_api,
	governance::runtime_decl_for_governance_api, holdouts::runtime_decl_for_holdouts_api,
};

/// One of these APIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiVersion {
	/// Its name.
	pub name: &'static str,
	/// Identifier by which a runtime lists it.
	pub id: [u8; 8],
	/// The version that this crate declares.
	pub version: u32,
}

macro_rules! versions {
	($($name:literal: $declaration:path,)*) => {
		[$({
			use $declaration as declaration;
			ApiVersion { name: $name, id: declaration::ID, version: declaration::VERSION }
		}),*]
	};
}

/// Every API of this crate.
pub const APIS: [ApiVersion; 11] = versions! {
	"ModelsApi": crate::runtime_decl_for_models_api,
	"LearningApi": crate::runtime_decl_for_learning_api,
	"OperatorsApi": crate::runtime_decl_for_operators_api,
	"SlashingApi": crate::runtime_decl_for_slashing_api,
	"DisputesApi": runtime_decl_for_disputes_api,
	"ServingApi": crate::runtime_decl_for_serving_api,
	"DatasetsApi": runtime_decl_for_datasets_api,
	"HoldoutsApi": runtime_decl_for_holdouts_api,
	"EvolutionApi": runtime_decl_for_evolution_api,
	"DelegationApi": runtime_decl_for_delegation_api,
	"GovernanceApi": runtime_decl_for_governance_api,
};

/// Incompatibility between a runtime and a client's version of an API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfit {
	/// The runtime does not answer this API at all.
	Missing(ApiVersion),
	/// The runtime answers an older version.
	RuntimeOlder(ApiVersion, u32),
	/// The runtime answers a newer version.
	RuntimeNewer(ApiVersion, u32),
}

impl ApiVersion {
	/// Compares with what a runtime says it answers: identifiers and versions.
	pub fn misfit(self, answered: &[([u8; 8], u32)]) -> Option<Misfit> {
		match answered.iter().find(|(id, _)| *id == self.id).map(|(_, version)| *version) {
			None => Some(Misfit::Missing(self)),
			Some(version) if version < self.version => Some(Misfit::RuntimeOlder(self, version)),
			Some(version) if version > self.version => Some(Misfit::RuntimeNewer(self, version)),
			Some(_) => None,
		}
	}
}

impl core::fmt::Display for Misfit {
	fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
		match self {
			Self::Missing(api) => write!(f, "it does not answer {}", api.name),
			Self::RuntimeOlder(api, version) => {
				write!(
					f,
					"it answers version {version} of {}, older than the {} known here",
					api.name, api.version
				)
			}
			Self::RuntimeNewer(api, version) => {
				write!(
					f,
					"it answers version {version} of {}, newer than the {} known here",
					api.name, api.version
				)
			}
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_runtime_fits_when_it_answers_the_same_versions() {
		let api = APIS[1];
		assert_eq!(api.misfit(&[([9; 8], 1), (api.id, api.version)]), None);
		assert_eq!(
			api.misfit(&[(api.id, api.version + 1)]),
			Some(Misfit::RuntimeNewer(api, api.version + 1))
		);
		assert_eq!(api.misfit(&[(api.id, 0)]), Some(Misfit::RuntimeOlder(api, 0)));
		assert_eq!(api.misfit(&[]), Some(Misfit::Missing(api)));
	}

	#[test]
	fn every_api_has_an_identifier_of_its_own() {
		for (place, api) in APIS.iter().enumerate() {
			assert!(APIS[..place].iter().all(|other| other.id != api.id), "{}", api.name);
		}
	}
}
