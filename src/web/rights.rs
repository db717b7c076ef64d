//! Every route, and who may use it: the router is made of this table, so that
//! there is no route without a row.

use std::sync::Arc;

use axum::Router;
use axum::middleware;
use axum::routing::{MethodRouter, get, post};

use super::access;
use super::language::choose;
use super::{Audience, WebState};
use super::{
    account, account_journeys, account_pauses, accounts, answers, approvals, audit, brand, bulk, customer_plan, health,
    kpis, login, message, message_states, messages, metrics, overview, page, people, plan, playbook_accounts,
    playbooks, preferences, reports, revisions, search, stages, stops, suppressions, survey, task, task_notes, today,
    unsubscribe,
};
use crate::user::role::Role;

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// Anybody who reaches it, without saying who they are.
    Anybody,
    /// Users with this role, and those who may do more.
    Role(Role),
}

/// A row: a method of a path, at whose listeners it is, and who may use it.
pub struct Route {
    pub audience: Audience,
    pub method: &'static str,
    /// As the router writes it, with `{…}` for what is different each time.
    pub path: &'static str,
    pub right: Right,
    handler: fn() -> MethodRouter<Arc<WebState>>,
}

macro_rules! routes {
    ($($audience:ident $right:tt $method:ident $path:literal $handler:path;)*) => {
        &[$(Route {
            audience: Audience::$audience,
            method: stringify!($method),
            path: $path,
            right: routes!(@$right),
            handler: || $method($handler),
        }),*]
    };
    (@anybody) => { Right::Anybody };
    (@viewer) => { Right::Role(Role::Viewer) };
    (@csm) => { Right::Role(Role::Csm) };
    (@operator) => { Right::Role(Role::Operator) };
    (@admin) => { Right::Role(Role::Admin) };
}

/// All routes. Those of customers and operations are also where colleagues are.
pub const ROUTES: &[Route] = routes! {
    Colleagues viewer   get  "/" today::show;
    Colleagues csm      post "/" bulk::act;
    Colleagues viewer   get  "/tasks/{id}" task::show;
    Colleagues csm      post "/tasks/{id}/done" task::complete;
    Colleagues csm      post "/tasks/{id}/dismiss" task::dismiss;
    Colleagues csm      post "/tasks/{id}/snooze" task::snooze;
    Colleagues csm      post "/tasks/{id}/reassign" task::reassign;
    Colleagues csm      post "/tasks/{id}/checklist" task_notes::tick;
    Colleagues csm      post "/tasks/{id}/notes" task_notes::note;
    Colleagues csm      post "/undo" task::undo;
    Colleagues viewer   get  "/counters" page::counters;
    Colleagues viewer   get  "/search" search::find;
    Colleagues viewer   get  "/accounts" accounts::list;
    Colleagues viewer   get  "/accounts/{id}" account::show;
    Colleagues csm      post "/accounts/{id}/pause" account_pauses::pause_account;
    Colleagues csm      post "/accounts/{id}/resume" account_pauses::resume_account;
    Colleagues csm      get  "/accounts/{id}/enroll" account_journeys::ask_enroll;
    Colleagues csm      post "/accounts/{id}/enroll" account_journeys::enroll;
    Colleagues csm      get  "/accounts/{id}/cancel" account_journeys::ask_cancel;
    Colleagues csm      post "/accounts/{id}/cancel" account_journeys::cancel;
    Colleagues viewer   get  "/accounts/{id}/reports/{report}/{at}" reports::show;
    Colleagues viewer   get  "/accounts/{id}/reports/{report}/{at}/pdf" reports::show_pdf;
    Colleagues viewer   get  "/stages" stages::show;
    Colleagues viewer   get  "/overview" overview::show;
    Colleagues viewer   get  "/overview.csv" overview::export;
    Colleagues viewer   get  "/overview/tasks" overview::tasks;
    Colleagues viewer   get  "/overview/mails" overview::mails;
    Colleagues viewer   get  "/answers" answers::list;
    Colleagues viewer   get  "/answers.csv" answers::export;
    Colleagues csm      post "/answers/{id}/tags" answers::tag;
    Colleagues viewer   get  "/approvals" approvals::list;
    Colleagues viewer   get  "/approvals/{id}" approvals::show;
    Colleagues operator post "/approvals/{id}/approve" approvals::approve;
    Colleagues operator post "/approvals/{id}/discard" approvals::discard;
    Colleagues viewer   get  "/playbooks" playbooks::list;
    Colleagues viewer   get  "/playbooks/{id}" playbooks::show;
    Colleagues viewer   get  "/playbooks/{id}/accounts" playbook_accounts::list;
    Colleagues viewer   get  "/playbooks/{id}/plan" plan::show;
    Colleagues viewer   get  "/playbooks/{id}/revisions" revisions::list;
    Colleagues viewer   get  "/playbooks/{id}/source" revisions::source;
    Colleagues viewer   get  "/kpis" kpis::list;
    Colleagues viewer   get  "/kpis/{id}" kpis::show;
    Colleagues viewer   get  "/messages" messages::list;
    Colleagues viewer   get  "/messages/states" message_states::show;
    Colleagues viewer   get  "/messages/{id}" message::show;
    Colleagues operator get  "/messages/{id}/source" message::source;
    Colleagues operator post "/messages/{id}/settle" message::settle;
    Colleagues viewer   get  "/suppressions" suppressions::list;
    Colleagues operator post "/suppressions" suppressions::add;
    Colleagues operator post "/suppressions/{id}/lift" suppressions::lift;
    Colleagues viewer   get  "/stops" stops::list;
    Colleagues operator get  "/stops/stop" stops::ask_stop;
    Colleagues operator post "/stops/stop" stops::stop;
    Colleagues operator get  "/stops/resume" stops::ask_resume;
    Colleagues operator post "/stops/resume" stops::resume;
    Colleagues operator get  "/audit" audit::list;
    Colleagues admin    get  "/people" people::list;
    Colleagues admin    post "/people" people::add;
    Colleagues admin    post "/people/{name}/role" people::change_role;
    Colleagues admin    post "/people/{name}/link" people::link;
    Colleagues admin    post "/people/{name}/disable" people::disable;
    Colleagues admin    post "/people/{name}/enable" people::enable;
    Colleagues anybody  get  "/keepwell.js" page::script;
    Colleagues anybody  post "/language" choose::choose;
    Colleagues anybody  get  "/login" login::show;
    Colleagues anybody  post "/login" login::log_in;
    Colleagues anybody  post "/logout" login::log_out;
    Colleagues anybody  get  "/password/{token}" login::ask_password;
    Colleagues anybody  post "/password/{token}" login::set_password;
    Customers  anybody  get  "/u/{token}" unsubscribe::ask;
    Customers  anybody  post "/u/{token}" unsubscribe::take;
    Customers  anybody  get  "/p/{token}" preferences::ask;
    Customers  anybody  post "/p/{token}" preferences::take;
    Customers  anybody  get  "/s/{token}" survey::ask;
    Customers  anybody  post "/s/{token}" survey::take;
    Customers  anybody  get  "/g/{token}" customer_plan::show;
    Customers  anybody  get  "/style.css" page::style;
    Customers  anybody  get  "/brand.css" brand::show_style;
    Customers  anybody  get  "/logo" brand::show_logo;
    Operations anybody  get  "/health" health::database;
    Operations anybody  get  "/health/live" health::live;
    Operations anybody  get  "/health/ready" health::ready;
    Operations anybody  get  "/metrics" metrics::show;
};

/// The routes at the listeners of an audience.
pub(super) fn routes(audience: Audience, state: &Arc<WebState>) -> Router<Arc<WebState>> {
    let theirs = |route: &&Route| audience == Audience::Colleagues || route.audience == audience;
    ROUTES.iter().filter(theirs).fold(Router::new(), |router, route| {
        let handler = (route.handler)();
        let handler = match route.right {
            Right::Anybody => handler,
            Right::Role(role) => {
                handler.route_layer(middleware::from_fn_with_state((role, state.clone()), access::permit))
            }
        };
        router.route(route.path, handler)
    })
}
