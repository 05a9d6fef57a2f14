process EPIZOO_CALLPEAKS {
    tag "$meta.id"
    label 'process_medium'

    // The project publishes no container yet: build one with `pip install .`, or run where epizoo is installed.

    input:
    tuple val(meta), path(reads), path(control)
    val   entry
    path  chrom_sizes

    output:
    tuple val(meta), path("*.narrowPeak"), emit: peaks
    tuple val(meta), path("*.bw")        , emit: coverage
    path  "versions.yml"                 , emit: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args    = task.ext.args   ?: ''
    def prefix  = task.ext.prefix ?: "${meta.id}"
    def inputs  = [reads].flatten().collect { "--reads ${it}" }.join(' ')
    def against = control     ? [control].flatten().collect { "--control-reads ${it}" }.join(' ') : ''
    def sizes   = chrom_sizes ? "--chrom-sizes ${chrom_sizes}" : ''
    """
    epizoo call-peaks ${entry} \\
        ${inputs} ${against} ${sizes} ${args} \\
        -o ${prefix}.narrowPeak --coverage ${prefix}.bw

    cat <<-END_VERSIONS > versions.yml
    "${task.process}":
        epizoo: \$(epizoo --version | sed 's/epizoo //')
    END_VERSIONS
    """

    stub:
    def prefix = task.ext.prefix ?: "${meta.id}"
    """
    touch ${prefix}.narrowPeak ${prefix}.bw
    echo '"${task.process}": {epizoo: stub}' > versions.yml
    """
}
