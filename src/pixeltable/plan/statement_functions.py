"""The functions of PostgreSQL that `pxt.sql()` may call: those that compute from their arguments, and nothing else."""

_NUMBERS = """
    abs acos acosd acosh asin asind asinh atan atan2 atan2d atand atanh cbrt ceil ceiling cos cosd cosh cot cotd degrees
    div erf erfc exp factorial floor gamma gcd greatest lcm least lgamma ln log log10 min_scale mod pi pow power
    radians random round scale sign sin sind sinh sqrt tan tand tanh trim_scale trunc width_bucket
"""
_TEXTS = """
    ascii bit_length btrim casefold char_length character_length chr concat concat_ws format initcap is_normalized left
    length lower lpad ltrim md5 normalize octet_length overlay position quote_ident quote_literal quote_nullable
    regexp_count regexp_instr regexp_like regexp_match regexp_matches regexp_replace regexp_split_to_array
    regexp_split_to_table regexp_substr repeat replace reverse right rpad rtrim split_part starts_with string_to_array
    string_to_table strpos substr substring textcat to_bin to_hex to_number to_oct translate trim unicode_assigned
    unistr upper
"""
_BYTES = """
    bit_count convert_from convert_to crc32 crc32c decode encode get_bit get_byte sha224 sha256 sha384 sha512
"""
_TIMES = """
    age clock_timestamp date date_add date_bin date_part date_subtract date_trunc extract isfinite justify_days
    justify_hours justify_interval make_date make_interval make_time make_timestamp make_timestamptz now
    statement_timestamp timezone to_char to_date to_timestamp transaction_timestamp
"""
_JSON = """
    array_to_json json_array_elements json_array_elements_text json_array_length json_build_array json_build_object
    json_each json_each_text json_extract_path json_extract_path_text json_object json_object_keys json_strip_nulls
    json_to_record json_to_recordset json_typeof jsonb_array_elements jsonb_array_elements_text jsonb_array_length
    jsonb_build_array jsonb_build_object jsonb_each jsonb_each_text jsonb_exists jsonb_exists_all jsonb_exists_any
    jsonb_extract_path jsonb_extract_path_text jsonb_insert jsonb_object jsonb_object_keys jsonb_path_exists
    jsonb_path_exists_tz jsonb_path_match jsonb_path_match_tz jsonb_path_query jsonb_path_query_array
    jsonb_path_query_array_tz jsonb_path_query_first jsonb_path_query_first_tz jsonb_path_query_tz jsonb_pretty
    jsonb_set jsonb_set_lax jsonb_strip_nulls jsonb_to_record jsonb_to_recordset jsonb_typeof row_to_json to_json
    to_jsonb
"""
_ARRAYS = """
    array_append array_cat array_dims array_fill array_length array_lower array_ndims array_position array_positions
    array_prepend array_remove array_replace array_reverse array_sample array_shuffle array_sort array_to_string
    array_upper cardinality generate_series generate_subscripts trim_array unnest
"""
_AGGREGATES = """
    any_value array_agg avg bit_and bit_or bit_xor bool_and bool_or corr count covar_pop covar_samp every grouping
    json_agg json_agg_strict json_object_agg json_object_agg_strict json_object_agg_unique
    json_object_agg_unique_strict jsonb_agg jsonb_agg_strict jsonb_object_agg jsonb_object_agg_strict
    jsonb_object_agg_unique jsonb_object_agg_unique_strict max min mode percentile_cont percentile_disc regr_avgx
    regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy stddev stddev_pop stddev_samp
    string_agg sum var_pop var_samp variance
"""
_WINDOWS = """
    cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank row_number
"""
_SEARCH = """
    array_to_tsvector numnode phraseto_tsquery plainto_tsquery querytree setweight strip to_tsquery to_tsvector
    ts_delete ts_filter ts_headline ts_rank ts_rank_cd tsvector_to_array websearch_to_tsquery
"""
_OTHERS = """
    coalesce gen_random_uuid nullif num_nonnulls num_nulls uuidv4 uuidv7
    all array exists row some
"""

FUNCTIONS = frozenset(
    " ".join([_NUMBERS, _TEXTS, _BYTES, _TIMES, _JSON, _ARRAYS, _AGGREGATES, _WINDOWS, _SEARCH, _OTHERS]).split()
)
"""In lower case. The last ones are words of the language that look like functions."""
