//! The result of a call for its caller: from the handler, or from a middleware that answers.

use std::any::Any;

use crate::handler::AttemptError;
use crate::services::TypeRef;

/// The type-erased result of a call; empty until there is one.
pub(crate) trait Answer: Any + Send {
    fn output(&self) -> Option<&dyn Any>;
    /// The handler's own error.
    fn error(&self) -> Option<&dyn Any>;
    /// Takes the output out of `output`, an `Option`. Returns `false` if the type is wrong.
    fn set_output(&mut self, output: &mut dyn Any) -> bool;
    fn output_type(&self) -> TypeRef;
    fn clear(&mut self);
}

impl<T: Send + 'static, E: Send + 'static> Answer for Option<Result<T, AttemptError<E>>> {
    fn output(&self) -> Option<&dyn Any> {
        match self {
            Some(Ok(output)) => Some(output),
            _ => None,
        }
    }

    fn error(&self) -> Option<&dyn Any> {
        match self {
            Some(Err(AttemptError::Failed(error))) => Some(error),
            _ => None,
        }
    }

    fn set_output(&mut self, output: &mut dyn Any) -> bool {
        let output = output.downcast_mut::<Option<T>>().and_then(Option::take);
        output.map(|output| *self = Some(Ok(output))).is_some()
    }

    fn output_type(&self) -> TypeRef {
        TypeRef::of::<T>()
    }

    fn clear(&mut self) {
        *self = None;
    }
}
