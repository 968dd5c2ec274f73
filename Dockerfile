# The app in a container. Its steps were run by hand in a fresh environment; no container engine was at hand to build
# the image itself, so please report what does not build.
#   docker build -t npf-explorer .                                  CPU
#   docker build -t npf-explorer --build-arg TORCH_VARIANT=cuda .   CUDA (several GB; run with --gpus all)
FROM python:3.11-slim-bookworm

ARG TORCH_VARIANT=cpu

# The container is reached under any name: what may reach it is the port mapping's business.
ENV STREAMLIT_SERVER_ALLOWED_HOSTS=* \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    NPF_HOME=/data \
    EIO_CACHE_DIR=/data/elevation

# gdal-bin: elevation tiles by name. tini: signals reach the app, and workers that end are reaped.
RUN apt-get update \
    && apt-get install -y --no-install-recommends gdal-bin tini \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /app
COPY requirements.txt requirements.lock ./
RUN case "$TORCH_VARIANT" in \
      cpu) pip install --index-url https://download.pytorch.org/whl/cpu -c requirements.lock torch ;; \
      cuda) pip install -c requirements.lock torch ;; \
      *) echo "TORCH_VARIANT must be cpu or cuda, not '$TORCH_VARIANT'" >&2; exit 2 ;; \
    esac \
    && pip install -r requirements.txt

COPY . .
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin npf \
    && mkdir -p /data \
    && chown npf:npf /data
USER npf
VOLUME /data
EXPOSE 8501

HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]

ENTRYPOINT ["tini", "--"]
CMD ["python", "-m", "streamlit", "run", "app.py", "--server.headless", "true", "--server.address", "0.0.0.0", "--server.port", "8501"]
