//! A service that a function takes.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use super::{Service, Services};

/// A service in the generated struct of an annotated function.
///
/// It can be shared between threads whatever `T` is. So if `T` cannot, the compiler says so once, where the service is
/// injected, and not for the struct and each trait that it implements.
pub struct Injected<T>(Arc<dyn Any + Send + Sync>, PhantomData<fn() -> T>);

/// The name of a service, if it has one.
type Name = Option<&'static str>;

/// One of the functions below.
pub type Inject<T> = fn(&Services, Name) -> Injected<T>;

impl<T: 'static> Injected<T> {
    fn new(service: T) -> Self
    where
        T: Send + Sync,
    {
        Self(Arc::new(service), PhantomData)
    }

    /// The service.
    pub fn get(&self) -> &T {
        self.0.downcast_ref().unwrap_or_else(|| unreachable!("`new` takes no other type"))
    }
}

impl<T> fmt::Debug for Injected<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Injected")
    }
}

/// As [`Services::inject`].
pub fn one<T: Service>(services: &Services, name: Name) -> Injected<T> {
    Injected::new(services.inject(name))
}

/// As [`Services::reference`].
pub fn reference<T: Referable>(services: &Services, name: Name) -> Injected<Arc<T>> {
    Injected::new(services.reference(name))
}

/// As [`Services::optional`].
pub fn optional<T: Service>(services: &Services, name: Name) -> Injected<Option<T>> {
    Injected::new(services.optional(name))
}

/// As [`Services::all`].
pub fn all<T: Service>(services: &Services, _: Name) -> Injected<Vec<T>> {
    Injected::new(services.all())
}

/// A type of which a function can take a reference. Implemented automatically.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be injected",
    label = "a service is `Send + Sync + 'static`",
    note = "write a `RefCell` as `Mutex`, a `Cell` as an atomic, and an `Rc` inside of it as `Arc`"
)]
pub trait Referable: Send + Sync + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Send + Sync + 'static> Referable for T {}
