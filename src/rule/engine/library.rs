//! The functions of `scripts/`, as the engines call them.
//!
//! For the length of an evaluation Rhai remembers what a call was resolved to,
//! by its name and arguments alone. Were a script's functions Rhai's own
//! modules, its `contains` would answer for the `in` of the condition that
//! called it, and its `helper` for that of the next script. So a call into a
//! script begins with nothing remembered and sees the functions of that script
//! and no others, and what it learns is forgotten when it ends.

use std::any::TypeId;

use rhai::{AST, Dynamic, EvalAltResult, FnAccess, FuncRegistration, Module, NativeCallContext, RhaiFunc, Shared};

/// A module whose functions are those of a script.
pub(crate) fn module(ast: &AST) -> Module {
    let mut module = Module::new();
    for function in ast.iter_fn_def().filter(|function| function.access == FnAccess::Public) {
        let (name, own) = (function.name.clone(), ast.shared_lib().clone());
        let params = vec![TypeId::of::<Dynamic>(); function.params.len()];
        let call = move |context: Option<NativeCallContext>, args: &mut [&mut Dynamic]| match context {
            Some(context) => call(&context, &name, &own, args),
            None => Err("a script is called outside of an evaluation".into()),
        };
        let call = RhaiFunc::Pure { func: Shared::new(call), has_context: true, is_pure: true, is_volatile: true };
        FuncRegistration::new(function.name.as_str()).set_into_module_raw(&mut module, params, call);
    }
    module
}

fn call(
    context: &NativeCallContext,
    name: &str,
    own: &Shared<Module>,
    args: &mut [&mut Dynamic],
) -> Result<Dynamic, Box<EvalAltResult>> {
    let mut global = context.global_runtime_state().clone();
    global.lib.clear();
    global.lib.push(own.clone());
    global.constants = None;
    let at = context.call_position();
    NativeCallContext::new_with_all_fields(context.engine(), name, None, &global, at)
        .call_fn_raw(name, false, false, args)
}
