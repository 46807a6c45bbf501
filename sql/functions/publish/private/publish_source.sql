-- Publishes the table of an HTTP source that was not made yet when publish_dataset was called: `source_published`;
-- null: there is none. One that cannot be published (`source_refused`) is tried again after a minute;
-- ampsync.publications says why.
--
-- Locks: the dataset row, so that unpublish_dataset comes before or after; the table as publish_table.
create or replace function ampsync_private.publish_source()
  returns text
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '300ms'
as $$
declare
  v_source record;
  v_code   text;
  v_error  text;
  v_detail text;
  v_hint   text;
begin
  for v_source in select s.dataset_id, s.target from ampsync_private.sources_to_publish() s loop
    perform 1
       from ampsync_private.dataset d
      where d.dataset_id = v_source.dataset_id
        and d.published
        for no key update skip locked;
    continue when not found; -- Of a transaction that stays open: the next look of the supervisor has it queued again.
    begin
      perform ampsync_private.publish_table(v_source.target, 'full');
      update ampsync_private.dataset d
         set publish_tried = null, publish_error = null
       where d.dataset_id = v_source.dataset_id;
    exception
      when others then
        get stacked diagnostics v_code = returned_sqlstate, v_error = message_text, v_detail = pg_exception_detail,
                                v_hint = pg_exception_hint;
        update ampsync_private.dataset d
           set publish_tried = ampsync_private.now(),
               publish_error = jsonb_build_object('code', v_code, 'message', v_error, 'detail', v_detail,
                                                  'hint', v_hint)
         where d.dataset_id = v_source.dataset_id;
        return 'source_refused';
    end;
    return 'source_published';
  end loop;
  return null;
end;
$$;

comment on function ampsync_private.publish_source()
  is 'Publish the table of an HTTP source that was made after publish_dataset; null: there is none.';
