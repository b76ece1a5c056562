{#-
  The name of a GGUF's weights: its file's name without folder, part number and quantization, in lower
  case, words joined by hyphens: `Llama-3.2-1B-Instruct.i1-Q4_K_M.gguf` is `llama-3-2-1b-instruct`.
-#}
{% macro weights_name(file_name) -%}
    trim(
        regexp_replace(
            regexp_replace(
                regexp_replace(
                    lower(regexp_extract({{ file_name }}, '^(?:[^|]*/)?([^/|]*)', 1)),
                    '(-[0-9]+-of-[0-9]+)?\.gguf(\.part[0-9]+)?$', ''
                ),
                '[._-]((i1|imat|imatrix|ud)[._-])?(i?q[0-9]+[a-z]*(_[0-9a-z]+)*|tq[0-9]_[0-9]|mxfp4(_moe)?|bf16|fp?16|fp?32)$',
                ''
            ),
            '[^a-z0-9]+', '-', 'g'
        ),
        '-'
    )
{%- endmacro %}
