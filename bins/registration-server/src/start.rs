//! The start of a registration server (§4.2.1): identity, what the load
//! balancers know, the replica, the lease; as a backup, whatever it was before.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use async_nats::Client;
use deadpool_postgres::Pool;
use tokio::sync::watch;
use yoshi_protocol::message::roster::{MessageServers, PrimaryRs, QueryLbForMs, QueryLbForRs};
use yoshi_protocol::subject::{self, Role as LogRole};
use yoshi_protocol::{Incarnation, ServerId};
use yoshi_replica::{Handle, Running, Standing};
use yoshi_service::{Context, database, request};

use crate::backups::Backups;
use crate::candidate::{Calls, Candidate, Outputs, SharedBackups, Sources};
use crate::election::{Election, Role};
use crate::lease::Lease;
use crate::limit::{BALANCER_QUERY_MAX, PASSWORDS_WAITING_MAX};
use crate::machine::Accounts;
use crate::password::Passwords;
use crate::pulse::Pulse;
use crate::rules::Outcome;
use crate::serve::{self, Freshness, Parts, Requests, Server};
use crate::store::{self, query};
use crate::throttle::Throttle;
use crate::{Arguments, Error, lease, status};

/// A server that is ready to run.
pub(crate) struct Started {
    pub(crate) replica: Running,
    pub(crate) server: Server,
    pub(crate) requests: Requests,
    pub(crate) candidate: Candidate,
    pub(crate) standing: watch::Receiver<Standing>,
    pub(crate) role: watch::Receiver<Role>,
}

pub(crate) async fn start(arguments: &Arguments, context: &Context) -> Result<Started, Error> {
    let migrations = vec![yoshi_replica::migrations(), store::migrations()];
    let pool = database::open(&arguments.database, context, migrations).await?;
    let (id, incarnation) = identify(context, &pool).await?;

    // Listened to before anybody is asked, so that no change in between is missed.
    let announcements = context.nats.subscribe(subject::RS_NEW_PRIMARY).await?;
    let known = ask_balancers(&context.nats).await;
    let lease = open_lease(arguments, context).await?;
    let primary = query::primary(&pool).await?;
    let (machine, logged) = Accounts::new(primary);
    let (peers_to, peers) = watch::channel(Vec::new());
    let settings = log_settings(id, incarnation, arguments);
    let started =
        yoshi_replica::start(settings, context.nats.clone(), pool.clone(), machine, peers);
    let (handle, replica) = started.await?;

    let now = Instant::now();
    let election = Election::new(
        id,
        arguments.election(),
        primary.epoch,
        known.primary,
        seed(id),
        now,
    );
    let (role_to, role) = watch::channel(election.role());
    let backups = Arc::new(Mutex::new(Backups::new(
        now,
        arguments.heartbeat(),
        arguments.silence_max(),
        handle.applied(),
    )));
    let candidate = Candidate {
        election,
        calls: Calls {
            nats: context.nats.clone(),
            lease,
            replica: handle.clone(),
            id,
            incarnation,
            host: context.host.clone(),
            heartbeat: arguments.heartbeat(),
            primary_applied: Arc::new(watch::Sender::new(None)),
        },
        sources: Sources {
            announcements,
            logged,
            standing: handle.standing(),
            applied: handle.applied_changes(),
            pulse: Pulse::follow(pool.clone(), arguments.database_silence()),
        },
        outputs: Outputs {
            role: role_to,
            peers: peers_to,
        },
        backups: Arc::clone(&backups),
    };
    let server = serve_with(arguments, context, id, pool, &handle, &role, backups).await?;
    let requests = serve::subscribe(&server).await?;
    status::start(context, id, incarnation, &handle, &role).await?;
    Ok(Started {
        replica,
        server,
        requests,
        candidate,
        standing: handle.standing(),
        role,
    })
}

async fn open_lease(arguments: &Arguments, context: &Context) -> Result<Lease, lease::Error> {
    let (lasts, within) = (arguments.election().lease, arguments.jetstream.within());
    Lease::open(&context.nats, lasts, within).await
}

/// Who this server is, in which life; and tells so.
async fn identify(context: &Context, pool: &Pool) -> Result<(ServerId, Incarnation), Error> {
    let id = yoshi_replica::identity(pool).await?;
    let incarnation = Incarnation::random();
    tracing::info!(server = %id, %incarnation, "registration server {id} starts");
    let identified = context.discovery.identify(id).await;
    identified.map_err(Error::Discovery)?;
    Ok((id, incarnation))
}

fn log_settings(
    id: ServerId,
    incarnation: Incarnation,
    arguments: &Arguments,
) -> yoshi_replica::Settings {
    yoshi_replica::Settings {
        role: LogRole::Rs,
        stream: subject::ACCOUNTS_STREAM.to_owned(),
        id,
        incarnation,
        waits: yoshi_replica::Waits {
            beta: arguments.beta(),
            jetstream: arguments.jetstream.within(),
            neighbour: arguments.neighbour(),
        },
    }
}

async fn serve_with(
    arguments: &Arguments,
    context: &Context,
    id: ServerId,
    pool: Pool,
    replica: &Handle<Outcome>,
    role: &watch::Receiver<Role>,
    backups: SharedBackups,
) -> Result<Server, Error> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(Server::new(Parts {
        id,
        nats: context.nats.clone(),
        pool,
        replica: replica.clone(),
        role: role.clone(),
        freshness: Freshness::follow(replica.standing(), arguments.degraded_max()),
        backups,
        passwords: Passwords::new(cores, PASSWORDS_WAITING_MAX).await?,
        throttle: Throttle::default(),
        token_millis: arguments.token_millis(),
        password_chars_min: arguments.password_chars_min(),
        change_max: crate::change_max(arguments.beta()),
    }))
}

/// `QUERY_LB_FOR_RS` and `QUERY_LB_FOR_MS`. The system may also start without a
/// load balancer: then the lease tells who is primary.
async fn ask_balancers(nats: &Client) -> PrimaryRs {
    let servers: Result<MessageServers, _> = request::request(
        nats,
        subject::LB_QUERY_MS.to_owned(),
        &QueryLbForMs {},
        BALANCER_QUERY_MAX,
    )
    .await;
    match servers {
        Ok(servers) => {
            let count = servers.servers.len();
            tracing::info!(count, "{count} message servers are there");
        }
        Err(error) => tracing::info!(%error, "no load balancer told of message servers"),
    }
    let primary = request::request(
        nats,
        subject::LB_QUERY_RS.to_owned(),
        &QueryLbForRs {},
        BALANCER_QUERY_MAX,
    )
    .await;
    primary.unwrap_or_else(|error: request::Error| {
        tracing::info!(%error, "no load balancer told of a primary");
        PrimaryRs { primary: None }
    })
}

/// Any number that differs between servers: it only spreads their delays.
fn seed(id: ServerId) -> u64 {
    let (high, low) = id.0.as_u64_pair();
    high ^ low ^ u64::from(std::process::id())
}
