-- What is wrong with datasets and their tables: not published for an hour, failed, an upgrade that
-- cannot end, suspected of ending workers, with another query than is wanted, with rejected rows,
-- with repairs that have failed for an hour.
create or replace function ampsync_private.diagnose_syncs()
  returns table (severity text, subject text, finding text, fix text)
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  with stream as (
    select s.stream_id, d.label, d.label || '.' || s.table_name as subject, s.table_name, s.shadow_of, s.state,
           s.deaths, s.has_block_num and s.query is null as is_repairable, s.error,
           s.query is distinct from d.queries ->> s.table_name as keeps_query, d.kind
      from ampsync_private.stream s
      join ampsync_private.dataset d using (dataset_id)
  )
  select 'warning', d.label,
         format('it has been waited for since %s: %s', date_trunc('second', d.since),
                coalesce(d.error ->> 'message', 'no worker has looked for it yet')),
         ampsync_private.fix_of('or publish it on the Amp server', format('select ampsync.pause_sync(%L);', d.label))
    from ampsync_private.dataset d
   where d.state = 'waiting' and d.since < ampsync_private.now() - interval '1 h'
     and coalesce(d.error ->> 'code' = 'SY103', true) -- The others are not ready: diagnose_progress.
   union all
  select 'error', d.label,
         concat_ws(': ', 'it failed', d.error ->> 'message', d.error ->> 'detail'),
         ampsync_private.fix_of(d.error ->> 'hint', format('select ampsync.resume_sync(%L);', d.label))
    from ampsync_private.dataset d
   where d.state = 'failed'
   union all
  select 'error', s.subject,
         concat_ws(': ', case when s.shadow_of is null then 'it failed' else 'its resync failed' end,
                   s.error ->> 'message', s.error ->> 'detail'),
         ampsync_private.fix_of(s.error ->> 'hint', format('select ampsync.resume_sync(%L);', s.label))
    from stream s
   where s.state = 'failed'
   union all
  select 'error', d.label,
         concat_ws(': ', 'its upgrade to version ' || coalesce(u.version, u.manifest_hash) || ' cannot end',
                   u.error ->> 'message', u.error ->> 'detail'),
         ampsync_private.fix_of(u.error ->> 'hint', format('select ampsync.cancel_resync(%L);', d.label))
    from ampsync_private.upgrade u
    join ampsync_private.dataset d using (dataset_id)
   where u.attempts >= 3
   union all
  select 'error', s.subject,
         format('%s workers in a row died while they held data of it', s.deaths),
         format('select ampsync.resume_sync(%L); -- once the cause is gone: did they run out of memory?', s.label)
    from stream s
   where s.deaths >= 3 and s.state <> 'paused'
   union all
  select 'warning', s.subject,
         'its rows come from an earlier query than the one that is stored',
         format('select ampsync.resync(%L, %L);', s.label, s.table_name)
    from stream s
   where s.keeps_query and s.shadow_of is null and s.state <> 'resyncing'
   union all
  select 'warning', s.subject,
         format('%s rows are in ampsync.rejects instead of the table: %s %s to %s', r.rows,
                case s.kind when 'http' then 'pages' else 'blocks' end, r.first, r.last),
         format('select block, column_name, reason from ampsync.rejects where dataset = %L and table_name = %L;',
                s.label, s.table_name)
         || case when s.is_repairable
                 then format(' -- once the cause is gone: select ampsync.repair(%L, %L, %s, %s);',
                             s.label, s.table_name, r.first, r.last) else '' end
    from (select j.stream_id, count(*) as rows, min(j.block) as first, max(j.block) as last
            from ampsync_private.reject j group by j.stream_id) r
    join stream s using (stream_id)
   where s.shadow_of is null
   union all
  select 'warning', format('%s.%s', p.dataset, p.table_name),
         format('the repair of blocks %s to %s has not succeeded since %s: %s',
                p.from_block, p.to_block, date_trunc('second', p.requested_at), p.reason),
         ampsync_private.fix_of(p.hint, format('select ampsync.cancel_repair(%L, %L);', p.dataset, p.table_name))
    from ampsync.repairs p
   where p.error_code is not null and p.requested_at < ampsync_private.now() - interval '1 h';
$$;

comment on function ampsync_private.diagnose_syncs()
  is 'Findings about datasets and tables: unpublished, failed, suspected, rejected rows, old failed repairs.';
