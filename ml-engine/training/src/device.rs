//! Check for a usable GPU, made before anything could panic.

use super::TrainError;

/// Name of the device in messages.
const DEVICE: &str = "cuda";

/// Returns the first CUDA device, or in one line why there is none.
///
/// The tensor library panics on the first operation without a driver, without NVRTC, without the CUDA headers that its
/// kernels include, or if these do not fit each other. All of that is checked here first, and one sum is computed.
#[cfg(feature = "cuda")]
pub fn cuda_device() -> Result<burn_cuda::CudaDevice, TrainError> {
	let device = burn_cuda::CudaDevice::default();
	let tried = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| probe(&device)));
	let reason = match tried {
		Ok(Ok(())) => return Ok(device),
		Ok(Err(reason)) => reason,
		Err(_) => {
			"driver, run-time compiler (NVRTC) and headers do not fit each other; install one version of them"
				.into()
		}
	};
	Err(TrainError::Device { device: DEVICE, reason })
}

/// Returns what is missing, if something is.
#[cfg(feature = "cuda")]
fn probe(device: &burn_cuda::CudaDevice) -> Result<(), String> {
	// SAFETY: both only try to load a shared library by its usual names; loading the vendor's driver and
	// compiler runs their initialisers and nothing of ours.
	let (driver, compiler) =
		unsafe { (cudarc::driver::sys::is_culib_present(), cudarc::nvrtc::sys::is_culib_present()) };
	if !driver {
		return Err("there is no driver (libcuda.so.1)".into());
	}
	if !compiler {
		return Err("there is no run-time compiler (libnvrtc.so); install it or set LD_LIBRARY_PATH".into());
	}
	if !headers_present() {
		return Err("there are no CUDA headers; install them or set CUDA_PATH".into());
	}
	match cudarc::driver::CudaContext::device_count() {
		Ok(count) if count > 0 => {}
		Ok(_) => return Err("there is no GPU".into()),
		Err(error) => return Err(error.to_string()),
	}
	let sum = burn::tensor::Tensor::<burn_cuda::Cuda, 1>::from_floats([1.0, 2.0], device).add_scalar(1.0);
	match sum.into_data().to_vec::<f32>() {
		Ok(sum) if sum == [2.0, 3.0] => Ok(()),
		other => Err(format!("adding one to one and two gave {other:?}")),
	}
}

/// Fails: this program was built without CUDA.
#[cfg(not(feature = "cuda"))]
pub fn cuda_device() -> Result<core::convert::Infallible, TrainError> {
	let reason = "this program was built without the feature `cuda`".into();
	Err(TrainError::Device { device: DEVICE, reason })
}

/// Returns whether the headers are where the tensor library will look for them: the first of these that exists.
#[cfg(feature = "cuda")]
fn headers_present() -> bool {
	use std::path::PathBuf;
	let root = match std::env::var_os("CUDA_PATH") {
		Some(path) => Some(PathBuf::from(path)),
		None => ["/usr/local/cuda", "/opt/cuda"].map(PathBuf::from).into_iter().find(|path| path.exists()),
	};
	let root = root.or_else(|| PathBuf::from("/usr/bin/nvcc").exists().then(|| PathBuf::from("/usr")));
	root.is_some_and(|root| root.join("include/cuda_runtime.h").is_file())
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn cuda_device_answers_without_a_panic() {
		// Whether there is a GPU depends on the machine; that the question has an answer must not.
		if let Some(error) = cuda_device().err() {
			assert!(error.to_string().starts_with("device cuda: "));
		}
	}
}
