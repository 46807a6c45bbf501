-- One row per bucket and window. What has reset since anybody asked is shown as it will be found.
create or replace view ampsync.rate_limits as
select l.bucket,
       make_interval(secs => l.per_s) as window,
       l.requests as limit,
       case when l.resets_at > n.now then greatest(l.remaining - l.in_flight - l.straggling, 0)
            when l.remaining is not null then l.requests end as remaining,
       case when l.resets_at > n.now then l.resets_at end as resets_at,
       case when l.blocked_until > n.now then l.blocked_until end as blocked_until,
       l.sent,
       l.refused
  from ampsync_private.rate_limit l
 cross join lateral (select ampsync_private.now() as now) n;

comment on view ampsync.rate_limits
  is 'The rate limits of the APIs that are read: what each allows, what remains, and until when nothing is sent.';
comment on column ampsync.rate_limits.bucket
  is 'Name of the limit, shared by sources; by default the host of their url.';
comment on column ampsync.rate_limits.window is 'The time in which so many requests may be sent.';
comment on column ampsync.rate_limits.limit
  is 'How many that are, as declared or as the API tells. Null: neither.';
comment on column ampsync.rate_limits.remaining
  is 'How many more may be sent until it resets, as the API tells, less those under way. Null: it does not tell, and '
     'requests leave at equal distances.';
comment on column ampsync.rate_limits.resets_at is 'When the window ends, if the API tells.';
comment on column ampsync.rate_limits.blocked_until
  is 'Nothing is sent until then: the API has refused a request because the limit is used up.';
comment on column ampsync.rate_limits.sent is 'Requests that were sent, ever.';
comment on column ampsync.rate_limits.refused is 'Requests that the API refused because the limit is used up, ever.';
