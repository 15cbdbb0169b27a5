//! Requests by method, pattern of the route and class of the status: how many, how long, and how many at this moment.
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use std::time::Instant;

/// In seconds: from an answer out of memory to the limit of a request.
const BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    method: &'static str,
    route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answer {
    #[prometheus(flatten)]
    route: Route,
    status: &'static str,
}

/// What is counted of requests. Cheap to clone.
#[derive(Clone, Debug)]
pub struct HttpMetrics {
    requests: Family<Answer, Counter>,
    durations: Family<Route, Histogram, fn() -> Histogram>,
    in_flight: Gauge,
}

impl Default for HttpMetrics {
    fn default() -> Self {
        HttpMetrics {
            requests: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            in_flight: Gauge::default(),
        }
    }
}

impl HttpMetrics {
    /// Puts them on a page.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("http_requests", "Requests that were answered", self.requests.clone());
        let help = "Time from the head of a request to the head of its answer";
        registry.register_with_unit("http_request_duration", help, Unit::Seconds, self.durations.clone());
        registry.register("http_requests_in_flight", "Requests that are being answered", self.in_flight.clone());
    }

    /// A request has come. `route` is the pattern that its path matches, if it matches one.
    pub fn begin(&self, method: &str, route: Option<&str>) -> Underway {
        self.in_flight.inc();
        let route = Route { method: known(method), route: route.unwrap_or("unmatched").to_owned() };
        Underway { metrics: self.clone(), route, started: Instant::now() }
    }
}

/// A request that is being answered. One that is dropped without an answer was given up by its client.
#[derive(Debug)]
pub struct Underway {
    metrics: HttpMetrics,
    route: Route,
    started: Instant,
}

impl Underway {
    /// It was answered with `status`.
    pub fn answered(self, status: u16) {
        self.metrics.durations.get_or_create(&self.route).observe(self.started.elapsed().as_secs_f64());
        let answer = Answer { route: self.route.clone(), status: class(status) };
        self.metrics.requests.get_or_create(&answer).inc();
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        self.metrics.in_flight.dec();
    }
}

/// Methods are words that clients choose.
fn known(method: &str) -> &'static str {
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"].into_iter().find(|known| *known == method).unwrap_or("other")
}

fn class(status: u16) -> &'static str {
    match status {
        ..200 => "1xx",
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        500.. => "5xx",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus_client::encoding::text::encode;

    #[test]
    fn requests_are_counted_by_what_is_bounded() {
        let metrics = HttpMetrics::default();
        let mut registry = Registry::default();
        metrics.register(&mut registry);
        let page = || {
            let mut page = String::new();
            encode(&mut page, &registry).unwrap();
            page
        };
        let begun = metrics.begin("GET", Some("/tasks/{id}"));
        assert!(page().contains("http_requests_in_flight 1\n"));
        begun.answered(204);
        metrics.begin("BREW", None).answered(405);
        drop(metrics.begin("GET", Some("/tasks/{id}")));
        let page = page();
        for line in [
            r#"http_requests_total{method="GET",route="/tasks/{id}",status="2xx"} 1"#,
            r#"http_requests_total{method="other",route="unmatched",status="4xx"} 1"#,
            r#"http_request_duration_seconds_count{method="GET",route="/tasks/{id}"} 1"#,
            "http_requests_in_flight 0",
        ] {
            assert!(page.contains(line), "{line} is not in\n{page}");
        }
    }

    #[test]
    fn every_status_has_a_class() {
        let classes = [101, 200, 308, 422, 503, 999].map(class);
        assert_eq!(classes, ["1xx", "2xx", "3xx", "4xx", "5xx", "5xx"]);
    }
}
