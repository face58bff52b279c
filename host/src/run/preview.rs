//! The first request of a run, as it would go on the wire. Nothing is sent, nothing is fetched, and no socket is opened.

use super::Setup;
use crate::error::Error;
use crate::plan::Plan;
use crate::provider::ShownRequest;
use crate::transport::added_headers;

/// The first request of a run, with credentials crossed out.
///
/// # Errors
/// What the run needs cannot be loaded, or the plugin does not build the request.
pub fn first_request(plan: Plan) -> Result<ShownRequest, Error> {
    let setup = Setup::unconnected(plan)?;
    let request = setup.first_request();
    let request = request.map_err(|failure| {
        Error::plugin(anyhow::anyhow!("the first request cannot be built: {}", failure.message))
    })?;
    let mut shown = setup.builder.provider.show(&request);
    shown.headers.extend(added_headers(&request.url, &request.headers, request.body.len()));
    Ok(shown)
}
